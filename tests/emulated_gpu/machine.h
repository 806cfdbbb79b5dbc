/* What the C of a kernel stands on (ptx.py puts this before it): numbers as PTX knows them, the device's memory, and threads.

   ``thread`` is the kernel, for one thread; ``fresh`` spoils the memory that a block shares. Threads of a block run one after the other; where
   they wait for each other (WAITS) each has a stack of its own, and they take turns. */

#include <math.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int8_t s8;
typedef int16_t s16;
typedef int32_t s32;
typedef int64_t s64;
typedef float f32;
typedef double f64;
typedef u8 b8;
typedef u16 b16;
typedef u32 b32;
typedef u64 b64;

static void thread(void **params, u32 tid, u32 ntid, u32 cta, u32 ncta);
static void fresh(void);

/* ------------------------------------------------------------------ memory */
typedef struct { u64 lowest, size; const u8 *taken; u64 at, bytes; } memory; /* taken: 1 for 16 bytes of an array; at, bytes: what failed */
static memory *device;
static jmp_buf failed;

static inline void reach(u64 a, u64 bytes)
{
    if (__builtin_expect(a - device->lowest >= device->size || (a & (bytes - 1)) || !device->taken[(a - device->lowest) >> 4], 0)) {
        device->at = a;
        device->bytes = bytes;
        longjmp(failed, 1);
    }
}

#define BITS(to, x) ({ __typeof__(x) x_ = (x); to to_; _Static_assert(sizeof to_ == sizeof x_, ""); memcpy(&to_, &x_, sizeof to_); to_; })
#define NEAR_LOAD(type, a) ({ type v_; memcpy(&v_, (void *)(a), sizeof v_); v_; })
#define NEAR_STORE(type, a, x) ({ type v_ = (x); memcpy((void *)(a), &v_, sizeof v_); })
#define LOAD(type, a) ({ u64 a_ = (a); reach(a_, sizeof(type)); NEAR_LOAD(type, a_); })
#define STORE(type, a, x) ({ u64 a_ = (a); reach(a_, sizeof(type)); NEAR_STORE(type, a_, x); })
#define ATOM(type, a, what) ({ u64 at_ = (a); type old = LOAD(type, at_); NEAR_STORE(type, at_, what); old; })

/* ------------------------------------------------------------------ numbers */
static inline f64 max_f64(f64 a, f64 b) { return isnan(a) ? b : isnan(b) ? a : a > b ? a : b > a ? b : signbit(a) ? b : a; }
static inline f64 min_f64(f64 a, f64 b) { return isnan(a) ? b : isnan(b) ? a : a < b ? a : b < a ? b : signbit(a) ? a : b; }
static inline f32 max_f32(f32 a, f32 b) { return isnan(a) ? b : isnan(b) ? a : a > b ? a : b > a ? b : signbit(a) ? b : a; }
static inline f32 min_f32(f32 a, f32 b) { return isnan(a) ? b : isnan(b) ? a : a < b ? a : b < a ? b : signbit(a) ? a : b; }
static inline s64 s64_of(f64 x) { return isnan(x) ? INT64_MIN : x >= 0x1p63 ? INT64_MAX : x < -0x1p63 ? INT64_MIN : (s64)x; }
static inline s32 s32_of(f64 x) { return isnan(x) ? INT32_MIN : x >= 0x1p31 ? INT32_MAX : x <= -0x1p31 ? INT32_MIN : (s32)x; }
static inline f64 sat(f64 x) { return x > 0 ? x < 1 ? x : 1 : 0; }
static inline u64 div_u64(u64 a, u64 b) { return b ? a / b : ~0ull; }
static inline u32 div_u32(u32 a, u32 b) { return b ? a / b : ~0u; }
static inline u64 rem_u64(u64 a, u64 b) { return b ? a % b : a; }
static inline u32 rem_u32(u32 a, u32 b) { return b ? a % b : a; }
static inline s64 div_s64(s64 a, s64 b) { return !b ? -1 : b == -1 ? (s64)(0 - (u64)a) : a / b; }
static inline s32 div_s32(s32 a, s32 b) { return !b ? -1 : b == -1 ? (s32)(0 - (u32)a) : a / b; }
static inline s64 rem_s64(s64 a, s64 b) { return !b ? a : b == -1 ? 0 : a % b; }
static inline s32 rem_s32(s32 a, s32 b) { return !b ? a : b == -1 ? 0 : a % b; }

/* ------------------------------------------------------------------ threads */
#ifdef WAITS
enum { STACK = 1 << 16, MOST = 1024 };
enum { NOT_BEGUN, WAITING, DONE };
static jmp_buf turn_of_all, turns[MOST];
static ucontext_t before, begun[MOST];
static char *stacks;
static u8 state[MOST];
static void **given;
static u32 now, shape[3];

static void wait_for_all(void)
{
    state[now] = WAITING;
    if (!_setjmp(turns[now])) _longjmp(turn_of_all, 1);
}

static void begin(void)
{
    thread(given, now, shape[0], shape[1], shape[2]);
    state[now] = DONE;
    _longjmp(turn_of_all, 1);
}

static void block(void **params, u32 ntid, u32 cta, u32 ncta, int backward)
{
    volatile u32 left = ntid, k;
    if (!stacks) stacks = malloc((size_t)STACK * MOST);
    given = params;
    shape[0] = ntid;
    shape[1] = cta;
    shape[2] = ncta;
    memset(state, NOT_BEGUN, ntid);
    while (left) {
        left = 0;
        for (k = 0; k < ntid; k++) {
            now = backward ? ntid - 1 - k : k;
            if (state[now] == DONE) continue;
            left++;
            if (_setjmp(turn_of_all)) continue;
            if (state[now] == WAITING) _longjmp(turns[now], 1);
            getcontext(&begun[now]);
            begun[now].uc_stack.ss_sp = stacks + (size_t)STACK * now;
            begun[now].uc_stack.ss_size = STACK;
            begun[now].uc_link = 0;
            makecontext(&begun[now], begin, 0);
            swapcontext(&before, &begun[now]);
        }
    }
}
#else
static void block(void **params, u32 ntid, u32 cta, u32 ncta, int backward)
{
    for (u32 k = 0; k < ntid; k++) thread(params, backward ? ntid - 1 - k : k, ntid, cta, ncta);
}
#endif

/* All blocks of a launch; 1: a thread reached for what is no array's. */
int launch(void **params, u32 ncta, u32 ntid, int backward, memory *of)
{
    device = of;
    if (_setjmp(failed)) return 1;
    for (u32 k = 0; k < ncta; k++) {
        fresh();
        block(params, ntid, backward ? ncta - 1 - k : k, ncta, backward);
    }
    return 0;
}
