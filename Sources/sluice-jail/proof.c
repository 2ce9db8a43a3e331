// A jail that nobody tried is a hope. Each test goes into it and does one forbidden thing.
#define _GNU_SOURCE
#include "proof.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "CJail.h"

enum { was_refused = 0, got_through = 1, went_wrong = 2 };

static int try_socket(void) {
    (void)socket(AF_INET, SOCK_STREAM, 0);
    return got_through;  // the call itself should have been the end
}

static int refused(int result) { return result >= 0 ? got_through : errno == EACCES ? was_refused : went_wrong; }

// The jail grants the loader alone, so this program, which is there for certain, must not start again.
static int try_exec(void) {
    execl("/proc/self/exe", "sluice-jail", "--self-test", "escaped", (char *)NULL);
    return refused(-1);
}

static int try_read(void) { return refused(open("/proc/self/status", O_RDONLY)); }

static int try_write(void) { return refused(open("/tmp/sluice-jail-proof", O_WRONLY | O_CREAT | O_EXCL, 0600)); }

// What a scan unpacks is never run, whatever it brings.
static int try_code(void) {
    (void)mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return got_through;
}

static int try_process(void) {
    if (fork() == 0) _exit(0);
    return got_through;
}

// Said to be done, also where there is nothing to do it to.
static int try_mode(void) { return chmod("/no/such/file", 0600) == 0 ? was_refused : went_wrong; }

static int forbidden(long result) { return result >= 0 ? got_through : errno == EPERM ? was_refused : went_wrong; }

// The kernel reads 32 bits of an option or a command. The upper half of the register must not hide it from the filter.
static const unsigned long upper_half[] = {0, 1UL << 32, 0xffffffffUL << 32};

static int try_orphan(void) {
    int result = was_refused;
    for (size_t i = 0; result == was_refused && i < sizeof upper_half / sizeof *upper_half; i++)
        result = forbidden(syscall(SYS_prctl, upper_half[i] | PR_SET_PDEATHSIG, 0UL, 0UL, 0UL, 0UL));
    return result;
}

// A descriptor can send signals to any process of the same user.
static int try_signal(void) {
    struct f_owner_ex owner = {F_OWNER_PID, getppid()};
    const struct {
        unsigned long command, argument;
    } calls[] = {
        {F_SETOWN, (unsigned long)getppid()}, {F_SETOWN_EX, (unsigned long)&owner},
        {F_SETSIG, SIGKILL},                  {F_SETFL, O_ASYNC},
        {F_SETFL, O_ASYNC | O_NONBLOCK},      {F_SETLEASE, F_RDLCK},
        {F_NOTIFY, DN_MODIFY},
    };
    int result = was_refused;
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++)
        for (size_t j = 0; result == was_refused && j < sizeof upper_half / sizeof *upper_half; j++)
            result = forbidden(syscall(SYS_fcntl, STDERR_FILENO, upper_half[j] | calls[i].command, calls[i].argument));
    // The other flags still change.
    if (result == was_refused && fcntl(STDERR_FILENO, F_SETFL, fcntl(STDERR_FILENO, F_GETFL)) != 0) result = went_wrong;
    return result;
}

static int try_nothing(void) { return was_refused; }

static const struct test {
    const char *name;
    int (*attempt)(void);
    int killed_by;  // 0: refused, and alive
    enum sluice_jail_profile profile;
} tests[] = {
    {"landlock", try_nothing, 0, SLUICE_JAIL_PIPE_PROGRAM},  {"socket", try_socket, SIGSYS, SLUICE_JAIL_PIPE_PROGRAM},
    {"exec", try_exec, 0, SLUICE_JAIL_PIPE_PROGRAM},         {"read", try_read, 0, SLUICE_JAIL_PIPE_PROGRAM},
    {"write", try_write, 0, SLUICE_JAIL_PIPE_PROGRAM},       {"process", try_process, SIGSYS, SLUICE_JAIL_PIPE_PROGRAM},
    {"scan-socket", try_socket, SIGSYS, SLUICE_JAIL_SCANNER}, {"scan-exec", try_exec, SIGSYS, SLUICE_JAIL_SCANNER},
    {"scan-read", try_read, 0, SLUICE_JAIL_SCANNER},          {"scan-write", try_write, 0, SLUICE_JAIL_SCANNER},
    {"scan-code", try_code, SIGSYS, SLUICE_JAIL_SCANNER},     {"scan-process", try_process, SIGSYS, SLUICE_JAIL_SCANNER},
    {"scan-mode", try_mode, 0, SLUICE_JAIL_SCANNER},
    {"orphan", try_orphan, 0, SLUICE_JAIL_PIPE_PROGRAM},      {"scan-orphan", try_orphan, 0, SLUICE_JAIL_SCANNER},
    {"signal", try_signal, 0, SLUICE_JAIL_PIPE_PROGRAM},      {"scan-signal", try_signal, 0, SLUICE_JAIL_SCANNER},
};

static int go(const struct test *test) {
    // Flushed by nobody: the child writes only where it failed.
    pid_t parent = getpid(), child = fork();
    if (child == 0) {
        struct sluice_jail_rules rules = {
            .profile = test->profile, .parent = parent, .seconds = 10};
        int failure = sluice_jail(&rules);
        if (failure) {
            fprintf(stderr, "sluice-jail: %s: %s\n", sluice_jail_reason(), strerror(errno));
            _exit(failure);
        }
        _exit(test->attempt());
    }
    int status;
    if (child < 0 || waitpid(child, &status, 0) != child) {
        perror("sluice-jail");
        return 1;
    }
    if (WIFSIGNALED(status) && test->killed_by && WTERMSIG(status) == test->killed_by) return 0;
    if (WIFEXITED(status) && !test->killed_by && WEXITSTATUS(status) == was_refused) return 0;
    if (WIFEXITED(status) && WEXITSTATUS(status) >= SLUICE_JAIL_USAGE) return WEXITSTATUS(status);
    fprintf(stderr, "sluice-jail: the jail does not hold: %s was not stopped (status %#x)\n", test->name, (unsigned)status);
    return 1;
}

int sluice_jail_prove(const char *what) {
    if (strcmp(what, "escaped") == 0) return got_through;
    for (size_t i = 0; i < sizeof tests / sizeof *tests; i++)
        if (strcmp(tests[i].name, what) == 0) {
            if (i == 0) printf("%d\n", sluice_jail_landlock_version());
            fflush(stdout);
            return go(&tests[i]);
        }
    fprintf(stderr, "sluice-jail: no test is called %s\n", what);
    return SLUICE_JAIL_USAGE;
}
