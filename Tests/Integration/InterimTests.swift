import Core
import Crypto
import HTTPServer
import Platform
import TestSupport
import Testing

/// IETF resumable uploads on the wire, as telephones speak them: the address comes before the body has ended.
@Suite(.serialized, .timeLimit(.minutes(5)))
struct InterimTests {
    private let data: [UInt8]

    init() async throws { data = try Files.readWhole(try await SampleAudio.file("song-24.flac"), limit: 1 << 26) }

    private func head(_ server: ServerProcess, version: String) -> String {
        """
        POST /files HTTP/1.1\r
        Host: \(server.base.dropFirst("http://".count))\r
        Authorization: Bearer \(TestToken.access(secret: ServerProcess.secret))\r
        Upload-Draft-Interop-Version: \(version)\r
        \(version == "3" ? "Upload-Incomplete: ?0" : "Upload-Complete: ?1")\r
        Content-Disposition: attachment; filename="song-24.flac"\r
        Content-Length: \(data.count)\r
        \r

        """
    }

    @Test(arguments: ["3", "6", "8"])
    func `a client that was cut off goes on where 104 told it`(version: String) async throws {
        try await ServerProcess.with(["SLUICE_INTERIM_104": "on"]) { server in
            let wire = try HTTPWire(String(server.base.dropFirst("http://".count)))
            try await wire.send(Array(head(server, version: version).utf8) + data[..<400_000])
            let told = try await wire.answer()
            #expect(told.status == 104 && told["upload-draft-interop-version"] == version)
            let location = try #require(told["location"])
            wire.leave()

            let speaks = [("Upload-Draft-Interop-Version", version)]
            let asked = try await server.call("HEAD", location, fields: speaks)
            let offset = try #require(asked["Upload-Offset"].flatMap { Int($0) }, "\(asked)")
            #expect(asked[version == "3" ? "Upload-Incomplete" : "Upload-Complete"] == (version == "3" ? "?1" : "?0"))
            let rest = try await server.call(
                "PATCH", location, .bytes(Array(data[offset...]), type: "application/partial-upload"),
                fields: speaks + [
                    ("Upload-Offset", String(offset)),
                    version == "3" ? ("Upload-Incomplete", "?0") : ("Upload-Complete", "?1"),
                ])
            #expect(rest.status == 200, "\(rest)")
            #expect(rest.data["sha256"]?.string == Hex.encode(SHA256.hash(data)))
            let track = try await server.settled(rest.data["trackId"]?.string ?? "")
            #expect(track["state"]?.string == "ready")
        }
    }

    @Test func `without the switch there is one answer`() async throws {
        try await ServerProcess.with { server in
            let wire = try HTTPWire(String(server.base.dropFirst("http://".count)))
            try await wire.send(Array(head(server, version: "6").utf8) + data)
            #expect(try await wire.answer().status == 201)
        }
    }
}
