import Core

/// An upload by the plain chunk protocol, of which a test sends what it likes in the order it likes.
package struct ChunkedUpload: Sendable {
    package let id: String
    package let track: String
    package let count: Int
    private let bytes: [UInt8]
    private let chunkSize: Int
    package var server: ServerProcess

    package init(_ bytes: [UInt8], chunkSize: Int, named name: String = "song.flac", on server: ServerProcess)
        async throws
    {
        let answer = try await server.call(
            "POST", "/v1/uploads",
            .json([
                "filename": .string(name), "size": .integer(Int64(bytes.count)),
                "chunkSize": .integer(Int64(chunkSize)),
            ]))
        guard answer.status == 201, let id = answer.data["id"]?.string, let track = answer.data["trackId"]?.string,
            let count = answer.data["chunkCount"]?.integer, answer.data["chunkSize"]?.integer == Int64(chunkSize)
        else { throw TestTrouble("the creation was answered \(answer)") }
        (self.id, self.track, self.count) = (id, track, Int(count))
        (self.bytes, self.chunkSize, self.server) = (bytes, chunkSize, server)
    }

    package func send(_ index: Int) async throws -> Answer {
        let part = Array(bytes[index * chunkSize..<min(bytes.count, (index + 1) * chunkSize)])
        return try await server.call("PUT", "/v1/uploads/\(id)/chunks/\(index)", .bytes(part))
    }

    package func complete() async throws -> Answer {
        try await server.call("POST", "/v1/uploads/\(id)/complete", .json([:]))
    }
}
