/* Sends uploads: a thread a connection, each taking the next line of standard input until there is none. A line is a request's
   head without its blank line, its fields parted by tabs, the size of its body first:

       4096<TAB>POST /files HTTP/1.1<TAB>Host: x<TAB>...

   Prints one line of JSON: seconds, requests, failures (no 2xx), bytes, and the 99th percentile of one request's time in ms.

   load PORT CONNECTIONS < LINES */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { PIECE = 1 << 20, MOST = 1 << 20 };
static char *lines[MOST];
static double took[MOST];
static long total, next, failures;
static long long bytes;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_barrier_t start;
static int port;
static char *piece;
static char first_failure[256];

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static int dial(void) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
    struct sockaddr_in there = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    there.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (connect(fd, (struct sockaddr *)&there, sizeof there) != 0) {
        close(fd);
        return -1;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    struct timeval patience = {.tv_sec = 120};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    return fd;
}

static int push(int fd, const char *data, size_t count, int more) {
    while (count > 0) {
        ssize_t sent = send(fd, data, count, MSG_NOSIGNAL | (more ? MSG_MORE : 0));
        if (sent <= 0) return -1;
        data += sent;
        count -= (size_t)sent;
    }
    return 0;
}

/* The status of the answer, its body read; negative where there was none. */
static int answer(int fd) {
    char buffer[16384];
    size_t have = 0;
    while (1) {
        ssize_t got = recv(fd, buffer + have, sizeof buffer - 1 - have, 0);
        if (got <= 0) return -1;
        have += (size_t)got;
        buffer[have] = 0;
        char *end = strstr(buffer, "\r\n\r\n");
        if (end == NULL) continue;
        int status = atoi(buffer + 9);
        char *field = strcasestr(buffer, "\r\ncontent-length:");
        long long length = field != NULL && field < end ? atoll(field + 17) : 0;
        long long here = (long long)(buffer + have - (end + 4));
        if (status / 100 != 2 && first_failure[0] == 0) snprintf(first_failure, sizeof first_failure, "%.200s", buffer);
        while (here < length) {
            got = recv(fd, buffer, sizeof buffer, 0);
            if (got <= 0) return -1;
            here += got;
        }
        return status;
    }
}

static void *work(void *unused) {
    int fd = dial();
    pthread_barrier_wait(&start);
    while (1) {
        pthread_mutex_lock(&lock);
        long mine = next < total ? next++ : -1;
        pthread_mutex_unlock(&lock);
        if (mine < 0) break;
        if (fd < 0) fd = dial();
        char head[8192], *from = lines[mine];
        long long size = strtoll(from, &from, 10);
        size_t length = 0;
        for (from++; *from != 0 && *from != '\n' && length < sizeof head - 64; from++) {
            if (*from == '\t') {
                head[length++] = '\r';
                head[length++] = '\n';
            } else {
                head[length++] = *from;
            }
        }
        length += (size_t)snprintf(head + length, sizeof head - length, "\r\nContent-Length: %lld\r\n\r\n", size);
        double began = now();
        int failed = fd < 0 || push(fd, head, length, size > 0);
        for (long long rest = size, at = 0; !failed && rest > 0;) {
            size_t count = rest < PIECE ? (size_t)rest : PIECE;
            failed = push(fd, at == 0 ? piece : piece + PIECE, count, 0);
            rest -= (long long)count;
            at += (long long)count;
        }
        int status = failed ? -1 : answer(fd);
        took[mine] = now() - began;
        if (status < 0 && fd >= 0) {
            close(fd);
            fd = -1;
        }
        pthread_mutex_lock(&lock);
        if (status / 100 != 2) failures++; else bytes += size;
        pthread_mutex_unlock(&lock);
    }
    if (fd >= 0) close(fd);
    return unused;
}

static int ascending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

int main(int count, char **arguments) {
    if (count != 3) return 2;
    port = atoi(arguments[1]);
    int connections = atoi(arguments[2]);
    char *line = NULL;
    size_t space = 0;
    while (total < MOST && getline(&line, &space, stdin) > 1) lines[total++] = strdup(line);
    /* The first piece begins as a WAV does; the second is what follows it. */
    piece = malloc(2 * PIECE);
    for (long at = 0; at < 2 * PIECE; at++) piece[at] = (char)(at * 2654435761u >> 13);
    memcpy(piece, "RIFF\0\0\0\100WAVEfmt \20\0\0\0\1\0\2\0\104\254\0\0\20\261\2\0\4\0\20\0data", 40);
    pthread_barrier_init(&start, NULL, (unsigned)connections + 1);
    pthread_t *threads = calloc((size_t)connections, sizeof *threads);
    for (int at = 0; at < connections; at++) pthread_create(&threads[at], NULL, work, NULL);
    pthread_barrier_wait(&start);
    double began = now();
    for (int at = 0; at < connections; at++) pthread_join(threads[at], NULL);
    double seconds = now() - began;
    qsort(took, (size_t)total, sizeof *took, ascending);
    printf("{\"seconds\":%.6f,\"requests\":%ld,\"failures\":%ld,\"bytes\":%lld,\"p99\":%.3f}\n", seconds, total, failures,
           bytes, total > 0 ? took[(total - 1) * 99 / 100] * 1000 : 0);
    if (first_failure[0] != 0) fprintf(stderr, "load: %s\n", first_failure);
    return failures > 0;
}
