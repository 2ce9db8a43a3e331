/* The least that a durable, hashed upload can be: a thread a connection, which receives, hashes (SHA-256), writes and
   fdatasyncs a new file, then answers 201. No parser to speak of, no names, no limits, no resume: what is left is the machine.

   bare PORT FOLDER */
#define OPENSSL_SUPPRESS_DEPRECATED
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <openssl/sha.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PIECE = 1 << 20, HEAD = 16384 };
static const char *folder;
static atomic_long names;

static int take(int client, char *buffer) {
    size_t have = 0;
    char *end = NULL;
    while (end == NULL) {
        ssize_t count = recv(client, buffer + have, HEAD - 1 - have, 0);
        if (count <= 0) return -1;
        have += (size_t)count;
        buffer[have] = 0;
        end = strstr(buffer, "\r\n\r\n");
        if (end == NULL && have == HEAD - 1) return -1;
    }
    const char *field = strcasestr(buffer, "\r\ncontent-length:");
    if (field == NULL) return -1;
    long long rest = atoll(field + 17);
    size_t early = have - (size_t)(end + 4 - buffer);
    char path[4096];
    snprintf(path, sizeof path, "%s/%ld", folder, atomic_fetch_add(&names, 1));
    int file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (file < 0) return -1;
    SHA256_CTX hash;
    SHA256_Init(&hash);
    memmove(buffer, end + 4, early);
    size_t count = early;
    while (1) {
        if (count > 0) {
            SHA256_Update(&hash, buffer, count);
            for (size_t done = 0; done < count;) {
                ssize_t wrote = write(file, buffer + done, count - done);
                if (wrote <= 0) return -1;
                done += (size_t)wrote;
            }
            rest -= (long long)count;
        }
        if (rest <= 0) break;
        ssize_t got = recv(client, buffer, rest < PIECE ? (size_t)rest : PIECE, 0);
        if (got <= 0) return -1;
        count = (size_t)got;
    }
    unsigned char sum[SHA256_DIGEST_LENGTH];
    SHA256_Final(sum, &hash);
    if (fdatasync(file) != 0) return -1;
    close(file);
    static const char answer[] = "HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n";
    return send(client, answer, sizeof answer - 1, MSG_NOSIGNAL) > 0 ? 0 : -1;
}

static void *serve(void *argument) {
    int client = (int)(long)argument;
    char *buffer = malloc(PIECE + HEAD);
    while (buffer != NULL && take(client, buffer) == 0) {
    }
    free(buffer);
    close(client);
    return NULL;
}

int main(int count, char **arguments) {
    if (count != 3) return 2;
    folder = arguments[2];
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    struct sockaddr_in here = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(arguments[1]))};
    here.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (bind(listener, (struct sockaddr *)&here, sizeof here) != 0 || listen(listener, 1024) != 0) return 1;
    while (1) {
        int client = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
        if (client < 0) continue;
        setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        pthread_t thread;
        if (pthread_create(&thread, NULL, serve, (void *)(long)client) == 0) pthread_detach(thread);
    }
}
