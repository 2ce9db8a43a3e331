import Core
import Platform
import TestSupport
import Testing

/// Many clients at once, most of which do nothing, and one who sends what nobody takes.
@Suite(.serialized, .timeLimit(.minutes(5)))
struct CrowdTests {
    /// Each connection asks once, stays, and asks again when all are there.
    private static let crowd = """
        import resource, socket, sys
        port, count = int(sys.argv[1]), int(sys.argv[2])
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        def ask(s):
            s.sendall(b"GET /healthz HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n")
            got = b""
            while b"\\r\\n\\r\\n" not in got:
                some = s.recv(65536)
                if not some:
                    sys.exit("closed")
                got += some
            head, body = got.split(b"\\r\\n\\r\\n", 1)
            if not head.startswith(b"HTTP/1.1 200"):
                sys.exit(head.decode())
            left = int(head.lower().split(b"content-length:")[1].split()[0]) - len(body)
            while left > 0:
                left -= len(s.recv(left))
        held = []
        for number in range(count):
            held.append(socket.create_connection(("127.0.0.1", port), 60))
            ask(held[-1])
        for s in held:
            ask(s)
        print(len(held))
        """

    @Test func `ten thousand connections are held, and each is answered again`() async throws {
        try await ServerProcess.with(["SLUICE_IDLE_TIMEOUT": "10m"]) { server in
            let port = server.base.split(separator: ":").last.map(String.init) ?? ""
            let result = try await Tool.run(
                "python3", ["-c", Self.crowd, port, "10000"])
            #expect(result.end == .exited(0), "\(result.error)")
            #expect(result.text == "10000\n")
            #expect(try await server.call("GET", "/healthz").status == 200)
        }
    }

    /// Sends 64 KiB of words as a FLAC of five gigabytes, and reads what the server says to that.
    private static let wrong = """
        import socket, sys
        s = socket.create_connection(("127.0.0.1", int(sys.argv[1])), 30)
        size = 5 << 30
        head = f"PUT {sys.argv[2]} HTTP/1.1\\r\\nHost: x\\r\\nContent-Length: {size}\\r\\nContent-Range: bytes 0-{size - 1}/{size}\\r\\n\\r\\n"
        s.sendall(head.encode() + b"These are words, and no music. " * 2114)
        print(s.recv(65536).split(b" ")[1].decode())
        """

    @Test func `a wrong file of five gigabytes is refused after its first 64 KiB`() async throws {
        try await ServerProcess.with(["SLUICE_MAX_UPLOAD_AUDIO_MB": "6000"]) { server in
            let size = Int64(5) << 30
            let created = try await server.call(
                "POST", "/v1/uploads", .json(["filename": "a.flac", "size": .integer(size)]))
            try #require(created.status == 201, "\(created)")
            let url = try #require(created.data["urls"]?["upload"]?.string)
            let path = String(url.dropFirst(server.base.count))
            let port = server.base.split(separator: ":").last.map(String.init) ?? ""
            let result = try await Tool.run("python3", ["-c", Self.wrong, port, path])
            #expect(result.text == "415\n", "\(result.error)")
            let id = try #require(created.data["id"]?.string)
            #expect(try await server.call("GET", "/v1/uploads/\(id)").data["state"]?.string == "failed")
        }
    }
}
