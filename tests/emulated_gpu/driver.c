/* A CUDA driver (libcuda.so.1) for one GPU that is not there: what numba-cuda and cuda.core ask of a driver, done by the processor.

   Device memory is one region of addresses of which numba-cuda knows nothing else; entries that are not allocated, and addresses that are no
   multiple of what is read there, are told as a GPU tells them. Fresh memory holds rubbish (its first 64 MiB). Machine code is PTX, which ``run_ptx`` (set from
   Python) makes into a function; see ptx.py. Functions that are not here are not found, as in an older driver. */

#define _GNU_SOURCE
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

typedef int CUresult;
typedef uint64_t CUdeviceptr;
typedef struct { uint64_t lowest, size; const uint8_t *taken; uint64_t at, bytes; } Memory;  /* as in ptx.py */
typedef int (*Launch)(void **params, unsigned blocks, unsigned threads, int backward, Memory *of);
typedef struct { char *name; Launch launch; size_t n_params; const uint8_t *sizes; } Kernel;
typedef struct { char *ptx; size_t size; Kernel kernel; int loaded; } Image;
typedef struct Block { uint64_t at, size; struct Block *next; } Block;

enum { SUCCESS = 0, INVALID_VALUE = 1, OUT_OF_MEMORY = 2, NO_CONTEXT = 201, NOT_FOUND = 500, ILLEGAL_ADDRESS = 700, NOT_SUPPORTED = 801, GRAIN = 512, SPOILT = 1 << 26 };
static const uint64_t REGION = 1ull << 34;

int (*run_ptx)(const char *ptx, size_t size, Launch *launch, char **name, size_t *n_params, const uint8_t **sizes);
int backward;                          /* blocks and threads from the last to the first */
uint64_t launches, allocations, copies; /* counted */
uint64_t at_work;                       /* ns in kernels */
uint64_t highest;                       /* bytes that were taken at most */
char last_failure[400];

static Memory memory;
static uint8_t *taken;
static Block *blocks;
static uint64_t used;
static int context_number;
static int *const CONTEXT = &context_number;
static __thread void *current; /* context of this thread */

/* ------------------------------------------------------------------ memory */
static int in_device(uint64_t a, uint64_t bytes)
{
    if (a < memory.lowest || a + bytes > memory.lowest + REGION) return 0;
    for (uint64_t k = (a - memory.lowest) >> 4; k <= (a + (bytes ? bytes - 1 : 0) - memory.lowest) >> 4; k++)
        if (!taken[k]) return 0;
    return 1;
}

static CUresult allocate(CUdeviceptr *at, size_t bytes)
{
    if (!current) return NO_CONTEXT;
    if (!bytes) return INVALID_VALUE;
    uint64_t size = (bytes + GRAIN - 1) / GRAIN * GRAIN + GRAIN; /* the last grain stays free: nothing else begins where this ends */
    Block **found = &blocks;
    uint64_t place = 0;
    for (Block *b = blocks; b; found = &b->next, b = b->next) {
        if (b->at - place >= size) break;
        place = b->at + b->size;
    }
    if (place + size > REGION) return OUT_OF_MEMORY;
    Block *fresh = malloc(sizeof *fresh);
    *fresh = (Block){place, size, *found};
    *found = fresh;
    memset((void *)(memory.lowest + place), 0xCB, bytes < SPOILT ? bytes : SPOILT);
    memset(taken + (place >> 4), 1, (bytes + 15) / 16);
    used += size;
    if (used > highest) highest = used;
    allocations++;
    *at = memory.lowest + place;
    return SUCCESS;
}

static CUresult cuMemAlloc(CUdeviceptr *at, size_t bytes) { return allocate(at, bytes); }
static CUresult cuMemFree(CUdeviceptr at)
{
    if (!current) return NO_CONTEXT;
    for (Block **b = &blocks; *b; b = &(*b)->next)
        if ((*b)->at + memory.lowest == at) {
            Block *old = *b;
            memset(taken + (old->at >> 4), 0, old->size >> 4);
            used -= old->size;
            *b = old->next;
            free(old);
            return SUCCESS;
        }
    return INVALID_VALUE;
}
static CUresult cuMemGetInfo(size_t *left, size_t *total) { *left = REGION - used; *total = REGION; return SUCCESS; }
static CUresult cuMemGetAddressRange(CUdeviceptr *base, size_t *size, CUdeviceptr a)
{
    for (Block *b = blocks; b; b = b->next)
        if (a - memory.lowest >= b->at && a - memory.lowest < b->at + b->size) {
            if (base) *base = b->at + memory.lowest;
            if (size) *size = b->size - GRAIN;
            return SUCCESS;
        }
    return NOT_FOUND;
}
static CUresult copy(uint64_t to, uint64_t from, size_t bytes, int to_device, int from_device)
{
    if (!current) return NO_CONTEXT;
    if ((to_device && !in_device(to, bytes)) || (from_device && !in_device(from, bytes))) {
        snprintf(last_failure, sizeof last_failure, "a copy of %zu bytes to %#lx from %#lx", bytes, to, from);
        return INVALID_VALUE;
    }
    if ((!to_device && to - memory.lowest < REGION) || (!from_device && from - memory.lowest < REGION)) return INVALID_VALUE;
    memmove((void *)to, (void *)from, bytes);
    copies++;
    return SUCCESS;
}
static CUresult cuMemcpyHtoD(CUdeviceptr to, const void *from, size_t n) { return copy(to, (uint64_t)from, n, 1, 0); }
static CUresult cuMemcpyDtoH(void *to, CUdeviceptr from, size_t n) { return copy((uint64_t)to, from, n, 0, 1); }
static CUresult cuMemcpyDtoD(CUdeviceptr to, CUdeviceptr from, size_t n) { return copy(to, from, n, 1, 1); }
static CUresult cuMemcpyHtoDAsync(CUdeviceptr to, const void *from, size_t n, void *stream) { return cuMemcpyHtoD(to, from, n); }
static CUresult cuMemcpyDtoHAsync(void *to, CUdeviceptr from, size_t n, void *stream) { return cuMemcpyDtoH(to, from, n); }
static CUresult cuMemcpyDtoDAsync(CUdeviceptr to, CUdeviceptr from, size_t n, void *stream) { return cuMemcpyDtoD(to, from, n); }
static CUresult cuMemsetD8(CUdeviceptr to, unsigned char value, size_t n)
{
    if (!in_device(to, n)) return INVALID_VALUE;
    memset((void *)to, value, n);
    return SUCCESS;
}
static CUresult cuMemsetD8Async(CUdeviceptr to, unsigned char value, size_t n, void *stream) { return cuMemsetD8(to, value, n); }
static CUresult cuPointerGetAttribute(void *data, int attribute, CUdeviceptr a)
{
    if (!in_device(a, 1)) return INVALID_VALUE;
    switch (attribute) {
    case 1: *(void **)data = CONTEXT; return SUCCESS;
    case 2: *(unsigned *)data = 2; return SUCCESS; /* device memory */
    case 3: *(CUdeviceptr *)data = a; return SUCCESS;
    default: return INVALID_VALUE;
    }
}

/* ------------------------------------------------------------------ the driver, its device, its context */
static CUresult cuInit(unsigned flags)
{
    if (!memory.lowest) {
        void *region = mmap(0, REGION, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        taken = mmap(0, REGION >> 4, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (region == MAP_FAILED || (void *)taken == MAP_FAILED) return OUT_OF_MEMORY;
        memory = (Memory){(uint64_t)region, REGION, taken, 0, 0};
    }
    return SUCCESS;
}
static CUresult cuDriverGetVersion(int *version) { *version = 13000; return SUCCESS; }
static CUresult cuDeviceGet(int *device, int number) { *device = number; return number ? 101 : SUCCESS; }
static CUresult cuDeviceGetCount(int *count) { *count = 1; return SUCCESS; }
static CUresult cuDeviceGetName(char *name, int n, int device) { snprintf(name, n, "an emulated GPU"); return SUCCESS; }
static CUresult cuDeviceGetUuid(char *uuid, int device) { memset(uuid, 7, 16); return SUCCESS; }
static CUresult cuDeviceTotalMem(size_t *bytes, int device) { *bytes = REGION; return SUCCESS; }
static CUresult cuDeviceGetAttribute(int *value, int attribute, int device)
{
    switch (attribute) {
    case 1: *value = 1024; break;          /* threads of a block */
    case 2: case 3: *value = 1024; break;
    case 4: *value = 64; break;
    case 5: *value = 2147483647; break;    /* blocks of a launch */
    case 6: case 7: *value = 65535; break;
    case 8: *value = 49152; break;         /* shared memory of a block */
    case 10: *value = 32; break;
    case 16: *value = 132; break;          /* multiprocessors */
    case 39: *value = 2048; break;
    case 41: *value = 1; break;            /* one address space */
    case 75: *value = 9; break;
    case 76: *value = 0; break;
    case 82: *value = 233472; break;
    case 97: *value = 232448; break;
    default: *value = 0;
    }
    return SUCCESS;
}
static CUresult cuDevicePrimaryCtxRetain(void **context, int device) { *context = CONTEXT; return SUCCESS; }
static CUresult cuDevicePrimaryCtxRelease(int device) { return SUCCESS; }
static CUresult cuDevicePrimaryCtxReset(int device) { return SUCCESS; }
static CUresult cuDevicePrimaryCtxGetState(int device, unsigned *flags, int *active) { *flags = 0; *active = 1; return SUCCESS; }
static CUresult cuCtxGetCurrent(void **context) { *context = current; return SUCCESS; }
static CUresult cuCtxSetCurrent(void *context) { current = context; return SUCCESS; }
static CUresult cuCtxPushCurrent(void *context) { current = context; return SUCCESS; }
static CUresult cuCtxPopCurrent(void **context) { if (context) *context = current; current = 0; return SUCCESS; }
static CUresult cuCtxGetDevice(int *device) { *device = 0; return current ? SUCCESS : NO_CONTEXT; }
static CUresult cuCtxSynchronize(void) { return SUCCESS; }
static CUresult cuCtxGetId(void *context, unsigned long long *id) { *id = 1; return SUCCESS; }

/* ------------------------------------------------------------------ streams, events */
static CUresult cuStreamCreate(void **stream, unsigned flags) { *stream = malloc(16); return SUCCESS; }
static CUresult cuStreamCreateWithPriority(void **stream, unsigned flags, int priority) { return cuStreamCreate(stream, flags); }
static CUresult cuStreamDestroy(void *stream) { free(stream); return SUCCESS; }
static CUresult cuStreamSynchronize(void *stream) { return SUCCESS; }
static CUresult cuStreamQuery(void *stream) { return SUCCESS; }
static CUresult cuStreamGetFlags(void *stream, unsigned *flags) { *flags = 0; return SUCCESS; }
static CUresult cuStreamGetPriority(void *stream, int *priority) { *priority = 0; return SUCCESS; }
static CUresult cuStreamGetCtx(void *stream, void **context) { *context = CONTEXT; return SUCCESS; }
static CUresult cuStreamWaitEvent(void *stream, void *event, unsigned flags) { return SUCCESS; }
static CUresult cuEventCreate(void **event, unsigned flags) { *event = malloc(16); return SUCCESS; }
static CUresult cuEventDestroy(void *event) { free(event); return SUCCESS; }
static CUresult cuEventRecord(void *event, void *stream) { return SUCCESS; }
static CUresult cuEventSynchronize(void *event) { return SUCCESS; }
static CUresult cuEventQuery(void *event) { return SUCCESS; }

/* ------------------------------------------------------------------ machine code */
typedef struct { char *ptx; size_t size; } Linked;
static CUresult cuLinkCreate(unsigned n, int *options, void **values, void **state) { *state = calloc(1, sizeof(Linked)); return SUCCESS; }
static CUresult cuLinkAddData(void *state, int kind, void *data, size_t size, const char *name, unsigned n, int *options, void **values)
{
    Linked *linked = state;
    if (linked->ptx || kind != 1) return NOT_SUPPORTED; /* one text of PTX */
    linked->ptx = malloc(size + 1);
    memcpy(linked->ptx, data, size);
    linked->ptx[size] = 0;
    linked->size = size;
    return SUCCESS;
}
static CUresult cuLinkComplete(void *state, void **code, size_t *size)
{
    Linked *linked = state;
    if (!linked->ptx) return INVALID_VALUE;
    *code = linked->ptx;
    *size = linked->size;
    return SUCCESS;
}
static CUresult cuLinkDestroy(void *state) { free(((Linked *)state)->ptx); free(state); return SUCCESS; }

static CUresult cuLibraryLoadData(void **library, const void *code, int *jo, void **jv, unsigned nj, int *lo, void **lv, unsigned nl)
{
    Image *image = calloc(1, sizeof *image);
    image->size = strlen(code);
    image->ptx = strdup(code);
    *library = image;
    return SUCCESS;
}
static CUresult cuLibraryUnload(void *library) { return SUCCESS; }
static CUresult cuLibraryGetKernel(void **kernel, void *library, const char *name)
{
    Image *image = library;
    if (!image->loaded) {
        if (run_ptx(image->ptx, image->size, &image->kernel.launch, &image->kernel.name, &image->kernel.n_params, &image->kernel.sizes)) return 218;
        image->loaded = 1;
    }
    if (strcmp(image->kernel.name, name)) return NOT_FOUND;
    *kernel = &image->kernel;
    return SUCCESS;
}
static CUresult cuLibraryGetKernelCount(unsigned *count, void *library) { *count = 1; return SUCCESS; }
static CUresult cuLibraryGetGlobal(CUdeviceptr *at, size_t *size, void *library, const char *name) { return NOT_FOUND; }
static CUresult cuKernelGetFunction(void **function, void *kernel) { *function = kernel; return SUCCESS; }
static CUresult cuKernelGetLibrary(void **library, void *kernel) { return NOT_SUPPORTED; }
static CUresult cuKernelGetAttribute(int *value, int attribute, void *kernel, int device)
{
    *value = attribute == 0 ? 1024 : attribute == 4 ? 64 : 0; /* threads of a block, registers */
    return SUCCESS;
}
static CUresult cuFuncGetAttribute(int *value, int attribute, void *kernel) { return cuKernelGetAttribute(value, attribute, kernel, 0); }
static CUresult cuKernelSetAttribute(int attribute, int value, void *kernel, int device) { return SUCCESS; }
static CUresult cuKernelSetCacheConfig(void *kernel, int config, int device) { return SUCCESS; }
static CUresult cuKernelGetParamInfo(void *kernel, size_t number, size_t *offset, size_t *size)
{
    Kernel *k = kernel;
    if (number >= k->n_params) return INVALID_VALUE;
    size_t at = 0;
    for (size_t j = 0; j < number; j++) at = (at + k->sizes[j] - 1) / k->sizes[j] * k->sizes[j] + k->sizes[j];
    *offset = (at + k->sizes[number] - 1) / k->sizes[number] * k->sizes[number];
    if (size) *size = k->sizes[number];
    return SUCCESS;
}
static CUresult cuLaunchKernel(void *kernel, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz, unsigned shared,
                               void *stream, void **params, void **extra)
{
    Kernel *k = kernel;
    if (!current) return NO_CONTEXT;
    if (gy != 1 || gz != 1 || by != 1 || bz != 1 || !gx || !bx || bx > 1024) return INVALID_VALUE;
    launches++;
    struct timespec from, to;
    clock_gettime(CLOCK_MONOTONIC, &from);
    int failed = k->launch(params, gx, bx, backward, &memory);
    clock_gettime(CLOCK_MONOTONIC, &to);
    at_work += (to.tv_sec - from.tv_sec) * 1000000000ull + to.tv_nsec - from.tv_nsec;
    if (failed) {
        snprintf(last_failure, sizeof last_failure, "%.200s reached for %lu bytes at %#lx", k->name, memory.bytes, memory.at);
        return ILLEGAL_ADDRESS;
    }
    return SUCCESS;
}
typedef struct { unsigned gx, gy, gz, bx, by, bz, shared; void *stream; void *attributes; unsigned n; } LaunchConfig;
static CUresult cuLaunchKernelEx(const LaunchConfig *c, void *kernel, void **params, void **extra)
{
    return cuLaunchKernel(kernel, c->gx, c->gy, c->gz, c->bx, c->by, c->bz, c->shared, c->stream, params, extra);
}

/* ------------------------------------------------------------------ errors, and where functions lie */
static CUresult cuGetErrorName(CUresult code, const char **name)
{
    static char text[40];
    snprintf(text, sizeof text, code == ILLEGAL_ADDRESS ? "CUDA_ERROR_ILLEGAL_ADDRESS" : "CUDA_ERROR_%d", code);
    *name = text;
    return SUCCESS;
}
static CUresult cuGetErrorString(CUresult code, const char **text) { *text = last_failure; return SUCCESS; }

#define HERE(name) {#name, (void *)name}
static const struct { const char *name; void *function; } FUNCTIONS[] = {
    HERE(cuMemAlloc), HERE(cuMemFree), HERE(cuMemGetInfo), HERE(cuMemGetAddressRange), HERE(cuMemcpyHtoD), HERE(cuMemcpyDtoH), HERE(cuMemcpyDtoD),
    HERE(cuMemcpyHtoDAsync), HERE(cuMemcpyDtoHAsync), HERE(cuMemcpyDtoDAsync), HERE(cuMemsetD8), HERE(cuMemsetD8Async),
    HERE(cuPointerGetAttribute), HERE(cuInit), HERE(cuDriverGetVersion), HERE(cuDeviceGet), HERE(cuDeviceGetCount), HERE(cuDeviceGetName),
    HERE(cuDeviceGetUuid), HERE(cuDeviceTotalMem), HERE(cuDeviceGetAttribute), HERE(cuDevicePrimaryCtxRetain), HERE(cuDevicePrimaryCtxRelease),
    HERE(cuDevicePrimaryCtxReset), HERE(cuDevicePrimaryCtxGetState), HERE(cuCtxGetCurrent), HERE(cuCtxSetCurrent), HERE(cuCtxPushCurrent),
    HERE(cuCtxPopCurrent), HERE(cuCtxGetDevice), HERE(cuCtxSynchronize), HERE(cuCtxGetId), HERE(cuStreamCreate),
    HERE(cuStreamCreateWithPriority), HERE(cuStreamDestroy), HERE(cuStreamSynchronize), HERE(cuStreamQuery), HERE(cuStreamGetFlags),
    HERE(cuStreamGetPriority), HERE(cuStreamGetCtx), HERE(cuStreamWaitEvent), HERE(cuEventCreate), HERE(cuEventDestroy), HERE(cuEventRecord),
    HERE(cuEventSynchronize), HERE(cuEventQuery), HERE(cuLinkCreate), HERE(cuLinkAddData), HERE(cuLinkComplete), HERE(cuLinkDestroy),
    HERE(cuLibraryLoadData), HERE(cuLibraryUnload), HERE(cuLibraryGetKernel), HERE(cuLibraryGetKernelCount), HERE(cuLibraryGetGlobal),
    HERE(cuKernelGetFunction), HERE(cuKernelGetLibrary), HERE(cuKernelGetAttribute), HERE(cuFuncGetAttribute), HERE(cuKernelSetAttribute),
    HERE(cuKernelSetCacheConfig), HERE(cuKernelGetParamInfo), HERE(cuLaunchKernel), HERE(cuLaunchKernelEx), HERE(cuGetErrorName),
    HERE(cuGetErrorString),
};

static CUresult find(const char *name, void **function)
{
    for (size_t k = 0; k < sizeof FUNCTIONS / sizeof *FUNCTIONS; k++)
        if (!strcmp(FUNCTIONS[k].name, name)) {
            *function = FUNCTIONS[k].function;
            return SUCCESS;
        }
    *function = 0;
    return NOT_FOUND;
}
CUresult cuGetProcAddress_v2(const char *name, void **function, int version, uint64_t flags, int *status)
{
    if (!strcmp(name, "cuGetProcAddress") || !strcmp(name, "cuGetProcAddress_v2")) {
        *function = (void *)cuGetProcAddress_v2;
        return SUCCESS;
    }
    CUresult found = find(name, function);
    if (status) *status = found ? 1 : 0;
    return found;
}
CUresult cuGetProcAddress(const char *name, void **function, int version, uint64_t flags) { return cuGetProcAddress_v2(name, function, version, flags, 0); }
