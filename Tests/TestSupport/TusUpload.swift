import Crypto

/// An upload by tus, of which a test sends what it likes.
package struct TusUpload: Sendable {
    package let id: String
    package let track: String
    /// Where the next bytes go: what the server acknowledged last.
    package var offset = 0
    package var server: ServerProcess

    package init(of length: Int, named name: String = "song.flac", on server: ServerProcess) async throws {
        let answer = try await server.call(
            "POST", "/files",
            fields: [
                ("Tus-Resumable", "1.0.0"), ("Upload-Length", String(length)),
                ("Upload-Metadata", "filename \(Base64.encode(Array(name.utf8)))"),
            ])
        guard answer.status == 201, let id = answer["X-Upload-Id"], let track = answer["X-Track-Id"] else {
            throw TestTrouble("the creation was answered \(answer)")
        }
        (self.id, self.track, self.server) = (id, track, server)
    }

    package mutating func send(_ bytes: [UInt8]) async throws -> Answer {
        let answer = try await server.call(
            "PATCH", "/files/\(id)", .bytes(bytes, type: "application/offset+octet-stream"),
            fields: [("Tus-Resumable", "1.0.0"), ("Upload-Offset", String(offset))])
        if answer.status == 204, let offset = answer["Upload-Offset"].flatMap({ Int($0) }) { self.offset = offset }
        return answer
    }

    package func head() async throws -> Answer {
        try await server.call("HEAD", "/files/\(id)", fields: [("Tus-Resumable", "1.0.0")])
    }
}
