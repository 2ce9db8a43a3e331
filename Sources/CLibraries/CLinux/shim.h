// What Swift's Glibc module leaves out. No _GNU_SOURCE here: it would give fd_set another shape than Glibc's module has.
#pragma once
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
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

// MFD_CLOEXEC.
static inline int sluice_memory_file(const char *name) { return (int)syscall(SYS_memfd_create, name, 1); }

// RENAME_NOREPLACE.
static inline int sluice_rename_new(const char *from, const char *to) {
    return (int)syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 1);
}

// prctl is variadic.
static inline void sluice_name_thread(const char *name) { prctl(PR_SET_NAME, (unsigned long)name, 0UL, 0UL, 0UL); }

// MARK: Pipes, sockets, processes. Declared by hand where the headers ask for _GNU_SOURCE.

extern int posix_spawn_file_actions_addclosefrom_np(posix_spawn_file_actions_t *actions, int lowest);
extern int posix_spawn_file_actions_addchdir_np(posix_spawn_file_actions_t *actions, const char *path);
extern int pipe2(int ends[2], int flags);
static inline int sluice_pipe(int *ends) { return pipe2(ends, O_CLOEXEC); }

// F_SETPIPE_SZ; fcntl is variadic.
static inline int sluice_set_pipe_size(int descriptor, int size) { return fcntl(descriptor, 1031, size); }

static inline int sluice_socket_pair(int keeps_borders, int *ends) {
    return socketpair(AF_UNIX, (keeps_borders ? SOCK_SEQPACKET : SOCK_STREAM) | SOCK_CLOEXEC, 0, ends);
}

static inline int sluice_open_pidfd(int process) { return (int)syscall(SYS_pidfd_open, process, 0); }

// P_PIDFD and the fields of siginfo_t, which are macros. Answers 1 with `code` and `status` set, 0 if it still runs.
static inline int sluice_wait_pidfd(int pidfd, int *code, int *status) {
    siginfo_t information;
    information.si_pid = 0;
    if (waitid((idtype_t)3, (id_t)pidfd, &information, WEXITED | WNOHANG) != 0) return -1;
    if (information.si_pid == 0) return 0;
    *code = information.si_code;
    *status = information.si_status;
    return 1;
}

// CMSG_* are macros.
#define SLUICE_DESCRIPTORS_PER_MESSAGE 16

static inline ssize_t sluice_send_message(
    int socket, const void *bytes, size_t count, const int *descriptors, int descriptor_count) {
    struct iovec vector = {(void *)bytes, count};
    struct msghdr message;
    union {
        struct cmsghdr header;
        char room[CMSG_SPACE(sizeof(int) * SLUICE_DESCRIPTORS_PER_MESSAGE)];
    } control;
    memset(&message, 0, sizeof message);
    memset(&control, 0, sizeof control);
    message.msg_iov = &vector;
    message.msg_iovlen = 1;
    if (descriptor_count > 0) {
        size_t size = sizeof(int) * (size_t)descriptor_count;
        message.msg_control = &control;
        message.msg_controllen = CMSG_SPACE(size);
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(size);
        memcpy(CMSG_DATA(header), descriptors, size);
    }
    return sendmsg(socket, &message, MSG_NOSIGNAL);
}

static inline ssize_t sluice_receive_message(
    int socket, void *bytes, size_t limit, int *descriptors, int *descriptor_count, int *is_cut) {
    struct iovec vector = {bytes, limit};
    struct msghdr message;
    union {
        struct cmsghdr header;
        char room[CMSG_SPACE(sizeof(int) * SLUICE_DESCRIPTORS_PER_MESSAGE)];
    } control;
    memset(&message, 0, sizeof message);
    message.msg_iov = &vector;
    message.msg_iovlen = 1;
    message.msg_control = &control;
    message.msg_controllen = sizeof control;
    *descriptor_count = 0;
    ssize_t received = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
    if (received < 0) return received;
    *is_cut = (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0;
    for (struct cmsghdr *header = CMSG_FIRSTHDR(&message); header; header = CMSG_NXTHDR(&message, header)) {
        if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
        size_t size = header->cmsg_len - CMSG_LEN(0);
        memcpy(descriptors + *descriptor_count, CMSG_DATA(header), size);
        *descriptor_count += (int)(size / sizeof(int));
    }
    return received;
}

// MARK: The server. accept4 is declared by hand like the others.
extern int accept4(int listener, struct sockaddr *address, socklen_t *length, int flags);

// The processors this process may run on; cpu_set_t and its macros want _GNU_SOURCE.
static inline int sluice_usable_processors(void) {
    unsigned long mask[128];
    long bytes = syscall(SYS_sched_getaffinity, 0, sizeof mask, mask);
    int count = 0;
    for (long word = 0; word < bytes / (long)sizeof mask[0]; word++) count += __builtin_popcountl(mask[word]);
    return count > 0 ? count : 1;
}
