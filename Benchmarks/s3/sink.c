/* A store that takes everything and keeps nothing, for measuring clients: it speaks as much S3 as four clients need to put
   and get objects, one thread a connection, and throws bodies away within the kernel (MSG_TRUNC), so that it is never what is
   slow. What is read are the files of FOLDER, sent by sendfile from the page cache.
   What came is counted: GET /.counts says "objects bytes", and begins anew.

       sink PORT FOLDER */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static atomic_llong objects, bytes;
static int root = -1;

struct connection {
    int fd;
    size_t have, at;
    char buffer[2048];
};

/* One byte from the buffer or the network; -1 at the end. */
static int next(struct connection *c) {
    if (c->at == c->have) {
        ssize_t got = recv(c->fd, c->buffer, sizeof c->buffer, 0);
        if (got <= 0) return -1;
        c->have = (size_t)got;
        c->at = 0;
    }
    return (unsigned char)c->buffer[c->at++];
}

static int discard(struct connection *c, long long count) {
    long long here = (long long)(c->have - c->at);
    if (here > count) here = count;
    c->at += (size_t)here;
    count -= here;
    while (count > 0) {
        size_t some = count > (1 << 22) ? 1 << 22 : (size_t)count;
        ssize_t got = recv(c->fd, NULL, some, MSG_TRUNC);
        if (got <= 0) return 0;
        count -= got;
    }
    return 1;
}

static int line(struct connection *c, char *out, size_t size) {
    size_t n = 0;
    for (;;) {
        int byte = next(c);
        if (byte < 0) return 0;
        if (byte == '\n') break;
        if (byte != '\r' && n + 1 < size) out[n++] = (char)byte;
    }
    out[n] = 0;
    return 1;
}

static int say(struct connection *c, const char *status, const char *field, const char *body, int isHead) {
    char head[1024];
    int n = snprintf(head, sizeof head, "HTTP/1.1 %s\r\nServer: sink\r\nContent-Length: %zu\r\n%s\r\n%s", status,
                     strlen(body), field, isHead ? "" : body);
    return send(c->fd, head, (size_t)n, MSG_NOSIGNAL) == n;
}

/* Chunks of a transfer coding; the length of what they hold stands in x-amz-decoded-content-length. */
static int chunks(struct connection *c) {
    char text[256];
    for (;;) {
        if (!line(c, text, sizeof text)) return 0;
        long long count = strtoll(text, NULL, 16);
        if (count == 0) {
            while (line(c, text, sizeof text))
                if (!*text) return 1;
            return 0;
        }
        if (!discard(c, count + 2)) return 0;
    }
}

/* The file that the path names below the bucket's; 1, 0 where the connection is over, -1 where there is no such file. */
static int file(struct connection *c, const char *first, int isHead, const char *range) {
    char name[512], head[512];
    const char *path = strstr(first, "/bench/");
    size_t length = path ? strcspn(path + 7, " ?") : 0;
    if (root < 0 || !length || length >= sizeof name) return -1;
    memcpy(name, path + 7, length);
    name[length] = 0;
    int opened = openat(root, name, O_RDONLY);
    struct stat status;
    if (opened < 0) return -1;
    if (fstat(opened, &status) || !S_ISREG(status.st_mode)) { close(opened); return -1; }
    long long start = 0, end = status.st_size - 1;
    int n, isPart = sscanf(range, "bytes=%lld-%lld", &start, &end) >= 1;
    if (end >= status.st_size) end = status.st_size - 1;
    n = snprintf(head, sizeof head, "HTTP/1.1 %s\r\nServer: sink\r\nETag: \"0123456789abcdef0123456789abcdef\"\r\n"
                 "Last-Modified: Sat, 21 Nov 2026 10:02:07 GMT\r\nContent-Type: application/octet-stream\r\nContent-Length: %lld\r\n",
                 isPart ? "206 Partial Content" : "200 OK", end - start + 1);
    if (isPart) n += snprintf(head + n, sizeof head - (size_t)n, "Content-Range: bytes %lld-%lld/%lld\r\n", start, end, (long long)status.st_size);
    n += snprintf(head + n, sizeof head - (size_t)n, "\r\n");
    int isFine = send(c->fd, head, (size_t)n, MSG_NOSIGNAL | (isHead ? 0 : MSG_MORE)) == n;
    off_t at = start;
    while (isFine && !isHead && at <= end) isFine = sendfile(c->fd, opened, &at, (size_t)(end - at + 1)) > 0;
    close(opened);
    return isFine;
}

static int serve(struct connection *c) {
    char first[4096], field[8192], range[128] = "";
    long long length = 0, decoded = -1;
    int isChunked = 0, expects = 0;
    if (!line(c, first, sizeof first)) return 0;
    for (;;) {
        if (!line(c, field, sizeof field)) return 0;
        if (!*field) break;
        if (!strncasecmp(field, "content-length:", 15)) length = atoll(field + 15);
        if (!strncasecmp(field, "x-amz-decoded-content-length:", 29)) decoded = atoll(field + 29);
        if (!strncasecmp(field, "transfer-encoding:", 18) && strcasestr(field, "chunked")) isChunked = 1;
        if (!strncasecmp(field, "expect:", 7)) expects = 1;
        if (!strncasecmp(field, "range: ", 7)) snprintf(range, sizeof range, "%.100s", field + 7);
    }
    if (expects && send(c->fd, "HTTP/1.1 100 Continue\r\n\r\n", 25, MSG_NOSIGNAL) != 25) return 0;
    if (isChunked ? !chunks(c) : !discard(c, length)) return 0;
    int isPut = !strncmp(first, "PUT ", 4), isPost = !strncmp(first, "POST ", 5), isHead = !strncmp(first, "HEAD ", 5);
    if (isPut) {
        atomic_fetch_add(&objects, 1);
        atomic_fetch_add(&bytes, decoded >= 0 ? decoded : length);
        return say(c, "200 OK", "ETag: \"0123456789abcdef0123456789abcdef\"\r\n", "", 0);
    }
    if (isPost && strstr(first, "uploadId="))
        return say(c, "200 OK", "Content-Type: application/xml\r\n",
                   "<?xml version=\"1.0\"?><CompleteMultipartUploadResult><Bucket>b</Bucket><Key>k</Key><ETag>\"0-1\"</ETag>"
                   "</CompleteMultipartUploadResult>", 0);
    if (isPost)
        return say(c, "200 OK", "Content-Type: application/xml\r\n",
                   "<?xml version=\"1.0\"?><InitiateMultipartUploadResult><Bucket>b</Bucket><Key>k</Key><UploadId>1</UploadId>"
                   "</InitiateMultipartUploadResult>", 0);
    if (!strncmp(first, "GET /.counts ", 13)) {
        char text[64];
        snprintf(text, sizeof text, "%lld %lld", atomic_exchange(&objects, 0), atomic_exchange(&bytes, 0));
        return say(c, "200 OK", "", text, 0);
    }
    if (isHead || !strncmp(first, "GET ", 4)) {
        int sent = file(c, first, isHead, range);
        if (sent >= 0) return sent;
    }
    if (!strncmp(first, "GET ", 4))
        return say(c, "200 OK", "Content-Type: application/xml\r\n",
                   "<?xml version=\"1.0\"?><ListBucketResult><Name>b</Name><IsTruncated>false</IsTruncated></ListBucketResult>", 0);
    return say(c, isHead ? "404 Not Found" : "204 No Content", "", "", isHead);
}

static void *connected(void *argument) {
    struct connection *c = argument;
    while (serve(c)) {}
    close(c->fd);
    free(c);
    return NULL;
}

int main(int count, char **arguments) {
    if (count > 2) root = open(arguments[2], O_RDONLY | O_DIRECTORY);
    int one = 1, listener = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((unsigned short)(count > 1 ? atoi(arguments[1]) : 0)),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 1024)) {
        perror("sink");
        return 1;
    }
    for (;;) {
        struct connection *c = malloc(sizeof *c);
        if (!c) return 1;
        c->have = c->at = 0;
        c->fd = accept(listener, NULL, NULL);
        if (c->fd < 0) { free(c); continue; }
        setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        pthread_t thread;
        if (pthread_create(&thread, NULL, connected, c)) { close(c->fd); free(c); continue; }
        pthread_detach(thread);
    }
}
