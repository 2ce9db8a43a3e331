#pragma once
#include <clamav.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

// Declared by hand: shown under _GNU_SOURCE only.
extern void *memmem(const void *bytes, size_t count, const void *pattern, size_t length);
extern char *strcasestr(const char *text, const char *part);
extern long syscall(long number, ...);

// A macro of or-ed macros, which Swift does not import.
static inline unsigned int sluice_cl_standard_database(void) { return CL_DB_STDOPT; }

// Swift hides fork, because a child of a process with threads may do almost nothing; the scanner has one thread.
static inline pid_t sluice_fork(void) { return fork(); }

// glibc before 2.36 has no pidfd_open.
static inline int sluice_pidfd_of(pid_t process) { return (int)syscall(SYS_pidfd_open, process, 0); }

// prctl is variadic: PR_SET_PDEATHSIG, SIGKILL. It follows the thread that forked; here there is only one.
static inline int sluice_die_with_parent(void) { return (int)syscall(SYS_prctl, 1, 9, 0, 0, 0); }

// The opposite, for the proof of the jail: the kernel reads the lower half of the option alone.
static inline int sluice_outlive_parent(void) { return (int)syscall(SYS_prctl, (1UL << 32) | 1, 0, 0, 0, 0); }

// Everything from `first` on.
static inline int sluice_close_from(unsigned int first) { return (int)syscall(SYS_close_range, first, ~0U, 0); }
