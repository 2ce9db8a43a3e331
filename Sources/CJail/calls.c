// The system calls that are let through, by libseccomp. Every other one ends the process.
#define _GNU_SOURCE
#include <asm/ioctls.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <seccomp.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>

#include "inside.h"

// Memory, time, waiting, and files that are open or that Landlock grants. Nothing of it reaches another process.
static const char *const common[] = {
    "read", "readv", "pread64", "preadv", "write", "writev", "pwrite64", "close", "lseek", "_llseek", "fcntl", "prctl", "dup",
    "openat", "open", "fstat", "stat", "lstat", "newfstatat", "fstatat64", "statx", "fstatfs", "access", "faccessat",
    "faccessat2", "readlink", "readlinkat", "getdents64", "getcwd", "ftruncate", "fadvise64", "munmap", "mremap", "brk",
    "madvise", "futex", "sched_yield", "sched_getaffinity", "rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "sigaltstack",
    "restart_syscall", "clock_gettime", "clock_getres", "gettimeofday", "time", "times", "nanosleep", "clock_nanosleep",
    "poll", "ppoll", "getpid", "gettid", "getppid", "getuid", "geteuid", "getgid", "getegid", "getrusage", "getrandom",
    "sysinfo", "uname", "umask", "exit", "exit_group", NULL,
};

// What the loader and the libraries of ffmpeg add before main.
static const char *const of_programs[] = {
    "execve", "mmap", "mprotect", "mlock", "statfs", "arch_prctl", "set_tid_address", "set_robust_list", "rseq",
    "get_mempolicy", "set_mempolicy", "riscv_hwprobe", NULL,
};

// A scanner unpacks archives into a folder of its own.
static const char *const of_scanners[] = {
    "unlink", "unlinkat", "rename", "renameat", "renameat2", "mkdir", "mkdirat", "rmdir", "truncate", "fsync", "fdatasync",
    "fallocate", "membarrier", NULL,
};

static int add(scmp_filter_ctx filter, uint32_t action, const char *name, const struct scmp_arg_cmp *only) {
    int number = seccomp_syscall_resolve_name(name);
    if (number < 0) return 0;  // this machine has no such call
    int result = only ? seccomp_rule_add(filter, action, number, 1, *only) : seccomp_rule_add(filter, action, number, 0);
    if (result == -EEXIST) return 0;  // it is let through already
    if (result != 0) sluice_jail_say("seccomp refuses the rule for", name);
    return result;
}

static int add_all(scmp_filter_ctx filter, const char *const *names) {
    for (; names && *names; names++) {
        int result = add(filter, SCMP_ACT_ALLOW, *names, NULL);
        if (result != 0) return result;
    }
    return 0;
}

struct exception {
    uint32_t action;
    const char *name;
    struct scmp_arg_cmp only;
};

static int add_exceptions(scmp_filter_ctx filter, const struct exception *exceptions, size_t count) {
    for (size_t i = 0; i < count; i++) {
        int result = add(filter, exceptions[i].action, exceptions[i].name, &exceptions[i].only);
        if (result != 0) return result;
    }
    return 0;
}

#define COUNT(list) (sizeof(list) / sizeof *(list))

static int fill(scmp_filter_ctx filter, const struct sluice_jail_rules *rules) {
    int result = add_all(filter, common);
    if (result == 0) result = add_all(filter, rules->calls);
    const struct exception of_all[] = {
        // Its own limits may be read, and never raised; nobody else's may be touched.
        {SCMP_ACT_ALLOW, "prlimit64", SCMP_A0(SCMP_CMP_EQ, 0, 0)},
        {SCMP_ACT_ERRNO(EPERM), "prlimit64", SCMP_A0(SCMP_CMP_NE, 0, 0)},
        // "Is this a terminal?" is asked of every stream.
        {SCMP_ACT_ALLOW, "ioctl", SCMP_A1(SCMP_CMP_EQ, TCGETS, 0)},
        {SCMP_ACT_ERRNO(ENOTTY), "ioctl", SCMP_A1(SCMP_CMP_NE, TCGETS, 0)},
    };
    if (result == 0) result = add_exceptions(filter, of_all, COUNT(of_all));
    if (result == 0 && rules->profile == SLUICE_JAIL_PIPE_PROGRAM) result = add_all(filter, of_programs);
    if (result == 0 && rules->profile == SLUICE_JAIL_SCANNER) {
        const struct exception without_code[] = {
            {SCMP_ACT_ALLOW, "mmap", SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0)},
            {SCMP_ACT_ALLOW, "mprotect", SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0)},
        };
        // An unpacked file's mode matters to nobody, but a refusal would stop the scan, and look like a clean end.
        static const char *const faked[] = {"chmod", "fchmod", "fchmodat", "fchmodat2", NULL};
        result = add_all(filter, of_scanners);
        if (result == 0) result = add_exceptions(filter, without_code, COUNT(without_code));
        for (size_t i = 0; result == 0 && faked[i]; i++) result = add(filter, SCMP_ACT_ERRNO(0), faked[i], NULL);
    }
    if (result == 0 && rules->threads) {
        const struct exception one = {SCMP_ACT_ALLOW, "clone", SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD)};
        result = add_exceptions(filter, &one, 1);
        // Its flags lie in memory, where a filter cannot look; without it the C library takes clone.
        if (result == 0) result = add(filter, SCMP_ACT_ERRNO(ENOSYS), "clone3", NULL);
    }
    return result;
}

// The kernel reads 32 bits of these arguments, and a filter sees 64: only the lower half may count.
#define LOWER_HALF(value) SCMP_CMP_MASKED_EQ, 0xffffffff, (value)

// What is refused of calls that are let through. A filter cannot express "any value but these", so this is a second filter:
// the kernel obeys the stricter one.
static int refuse(scmp_filter_ctx filter, const struct sluice_jail_rules *rules) {
    (void)rules;
    // The signal that ends it with its parent stays.
    const struct exception option = {SCMP_ACT_ERRNO(EPERM), "prctl", SCMP_A0(LOWER_HALF(PR_SET_PDEATHSIG))};
    int result = add_exceptions(filter, &option, 1);
    // A descriptor sends signals to its owner, and the owner may be any process of the same user.
    static const int commands[] = {F_SETOWN, F_SETOWN_EX, F_SETSIG, F_SETLEASE, F_NOTIFY};
    for (size_t i = 0; result == 0 && i < COUNT(commands); i++) {
        const struct exception command = {SCMP_ACT_ERRNO(EPERM), "fcntl", SCMP_A1(LOWER_HALF((scmp_datum_t)commands[i]))};
        result = add_exceptions(filter, &command, 1);
    }
    if (result == 0)
        result = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(fcntl), 2, SCMP_A1(LOWER_HALF(F_SETFL)),
                                  SCMP_A2(SCMP_CMP_MASKED_EQ, O_ASYNC, O_ASYNC));
    return result;
}

static int load(
    uint32_t otherwise, int (*fill)(scmp_filter_ctx, const struct sluice_jail_rules *), const struct sluice_jail_rules *rules) {
    scmp_filter_ctx filter = seccomp_init(otherwise);
    if (!filter) {
        sluice_jail_say("seccomp is unavailable", NULL);
        return -ENOSYS;
    }
    // The calls of another machine type, which the kernel may serve as well.
    int result = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
    if (result == 0) result = fill(filter, rules);
    if (result == 0) {
        result = seccomp_load(filter);
        if (result != 0) sluice_jail_say("seccomp refuses the filter", NULL);
    }
    seccomp_release(filter);
    return result;
}

int sluice_jail_calls(const struct sluice_jail_rules *rules) {
    int result = load(SCMP_ACT_ALLOW, refuse, rules);
    // Last, because it forbids to load another one.
    if (result == 0) result = load(SCMP_ACT_KILL_PROCESS, fill, rules);
    errno = -result;
    return result == 0 ? 0 : -1;
}
