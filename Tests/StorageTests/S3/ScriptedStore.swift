import Core
import Storage
import TestSupport

/// A store that says what a test tells it to, word for word: what no store in use does on demand.
final class ScriptedStore: Sendable {
    struct Answer: Sendable {
        var status = 200
        var fields: [(String, String)] = []
        var body = ""
        /// What the head promises, where the body is cut short.
        var length: Int?
    }

    private let server: RawServer

    /// `answer` gets the method and the target of each request.
    init(_ answer: @escaping @Sendable (_ method: String, _ target: String) -> Answer) throws {
        server = try RawServer { connection in
            while let head = connection.head() {
                let words = head.prefix { $0 != "\r\n" }.split(separator: " ")
                let count =
                    head.split(separator: "\r\n").first { $0.lowercased().hasPrefix("content-length:") }
                    .flatMap { Int($0.filter(\.isNumber)) } ?? 0
                guard words.count == 3, connection.body(count).count == count else { return }
                let said = answer(String(words[0]), String(words[1]))
                let isCut = said.length.map { $0 > said.body.utf8.count } ?? false
                let fields = said.fields.map { "\($0): \($1)\r\n" }.joined()
                let length = said.length ?? said.body.utf8.count
                connection.say("HTTP/1.1 \(said.status) Said\r\n\(fields)Content-Length: \(length)\r\n\r\n")
                if words[0] == "HEAD" { continue }
                connection.say(said.body)
                if isCut { return }
            }
        }
    }

    func store(journal: any MultipartJournal = MemoryMultipartJournal(time: SystemTime())) throws -> S3BlobStore {
        var configuration = S3Configuration(bucket: "b", endpoint: server.url(""), partSize: 5 << 20)
        configuration.retries = S3RetryPolicy(first: .milliseconds(2), cap: .milliseconds(20))
        return try S3BlobStore(
            configuration, credentials: S3CredentialProvider(S3Credentials(accessKey: "a", secret: "s")),
            client: try S3BlobStore.client(for: configuration), journal: journal, time: SystemTime())
    }
}
