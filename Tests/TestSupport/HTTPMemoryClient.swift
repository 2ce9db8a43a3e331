package import HTTPServer
import Platform
import Synchronization

/// Asks a responder directly. What the server adds on the wire (Date, Connection) is not here.
package struct HTTPMemoryClient: HTTPTestClient {
    private let responder: any Responder

    package init(_ responder: any Responder) { self.responder = responder }

    package func send(_ request: HTTPTestRequest) async throws -> HTTPTestAnswer {
        let asked = Request(request.method, request.target, fields: request.fields, body: Body(bytes: request.body))
        let response = await responder.respond(to: asked)
        var answer = HTTPTestAnswer(status: response.status, fields: response.fields)
        switch response.body {
        case .none: break
        case .bytes(let bytes): answer.body = bytes
        case .file(let file, let range):
            answer.body = try file.descriptor.read(upTo: range.count, at: range.lowerBound)
        case .stream(let write), .counted(_, let write):
            let sink = MemorySink()
            let writer = StreamWriter(sink)
            try await write(writer)
            answer.body = sink.bytes
            answer.trailers = writer.trailers
        }
        if request.method == .head { answer.body = [] }
        return answer
    }
}

private final class MemorySink: StreamSink {
    private let written = Mutex<[UInt8]>([])

    var bytes: [UInt8] { written.withLock { $0 } }

    func write(_ bytes: [UInt8]) async throws(BodyFailure) { written.withLock { $0 += bytes } }
}
