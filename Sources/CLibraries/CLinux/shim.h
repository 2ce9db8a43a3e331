// What Swift's Glibc module leaves out. No _GNU_SOURCE here: it would give fd_set another shape than Glibc's module has.
#pragma once
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

// Declared by hand: <fcntl.h> and <unistd.h> show these only under _GNU_SOURCE.
extern int sync_file_range(int descriptor, int64_t offset, int64_t count, unsigned int flags);
extern long syscall(long number, ...);

// O_TMPFILE carries O_DIRECTORY, whose value differs between machines.
static inline int sluice_o_tmpfile(void) { return 020000000 | O_DIRECTORY; }

// SYNC_FILE_RANGE_WRITE: starts the write and does not wait for it.
static inline int sluice_start_writeback(int descriptor, int64_t offset, int64_t count) {
    return sync_file_range(descriptor, offset, count, 2);
}

// FALLOC_FL_KEEP_SIZE; posix_fallocate would change the size, and write zeros where the file system cannot reserve.
static inline int sluice_reserve(int descriptor, int64_t offset, int64_t count) {
    return (int)syscall(SYS_fallocate, descriptor, 1, offset, count);
}

// syncfs is shown only under _GNU_SOURCE.
static inline int sluice_sync_file_system(int descriptor) { return (int)syscall(SYS_syncfs, descriptor); }

// RENAME_NOREPLACE.
static inline int sluice_rename_new(const char *from, const char *to) {
    return (int)syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 1);
}

// prctl is variadic.
static inline void sluice_name_thread(const char *name) { prctl(PR_SET_NAME, (unsigned long)name, 0UL, 0UL, 0UL); }
