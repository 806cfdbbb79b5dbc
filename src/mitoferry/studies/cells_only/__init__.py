"""The workload of other simulators: a ball of cells without mitochondria, one field, with their clocks or with ours."""

from mitoferry.studies.cells_only.measure import Record, measure_cells_only
from mitoferry.studies.cells_only.others import Published, published
from mitoferry.studies.cells_only.workload import Workload, workload_for

__all__ = ["Published", "Record", "Workload", "measure_cells_only", "published", "workload_for"]
