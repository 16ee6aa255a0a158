/** How many files, and so sockets, a process may have open. */
export function openFileLimit(): number {
  const { userLimits } = process.report.getReport() as { userLimits?: { open_files?: { soft: number | string } } };
  const soft = Number(userLimits?.open_files?.soft);
  return Number.isNaN(soft) ? Infinity : soft; // "unlimited"; and elsewhere than on POSIX there is none
}
