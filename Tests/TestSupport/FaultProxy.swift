internal import Glibc
internal import Platform
internal import Synchronization

/// Stands before a store and spoils what it is told to. Each request comes over a connection of its own; what is not spoilt
/// goes through byte for byte, so that signatures hold. Threads serve it: a fault may last as long as its client bears it.
package final class FaultProxy: Sendable {
    package struct Request: Sendable {
        package let method: String
        package let target: String
        /// From 1, of all that came.
        package let number: Int

        package var isPart: Bool { target.contains("partNumber=") }
        package var isCompletion: Bool { method == "POST" && target.contains("uploadId=") }
    }

    package enum Fault: Sendable, Equatable {
        case none
        /// The store never hears of the request.
        case answer(status: Int, body: String)
        /// The store does it, and another answer than its own arrives.
        case replace(status: Int, body: String)
        /// The store does it, and its answer is lost.
        case lose
        /// After so many bytes of the request's body.
        case resetRequest(after: Int)
        /// After so many bytes of the answer's body.
        case resetAnswer(after: Int)
        /// After so many bytes of the answer's body the connection is closed in all order.
        case truncate(after: Int)
        /// Nothing is said until the client goes.
        case silence
        /// The answer's body, a byte at a time, with this pause after each.
        case trickle(milliseconds: Int)
    }

    package static let slowDown = Fault.answer(
        status: 503, body: "<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>")

    private let server: RawServer
    private let log: Log

    private final class Log: Sendable {
        let requests = Mutex<[Request]>([])

        func add(_ method: String, _ target: String) -> Request {
            requests.withLock { requests in
                let request = Request(method: method, target: target, number: requests.count + 1)
                requests.append(request)
                return request
            }
        }
    }

    package var port: Int { Int(server.port) }
    package var requests: [Request] { log.requests.withLock { $0 } }

    /// `decide` runs on the thread of its request, and may wait.
    package init(before port: Int, _ decide: @escaping @Sendable (Request) -> Fault) throws {
        let log = Log()
        self.log = log
        server = try RawServer { connection in
            while Self.serve(connection, port, log, decide) {}
        }
    }

    /// False when the connection is over.
    private static func serve(
        _ client: RawConnection, _ port: Int, _ log: Log, _ decide: @Sendable (Request) -> Fault
    ) -> Bool {
        guard let head = client.head() else { return false }
        let words = head.prefix { $0 != "\r\n" }.split(separator: " ")
        guard words.count == 3 else { return false }
        let count =
            head.split(separator: "\r\n").first { $0.lowercased().hasPrefix("content-length:") }
            .flatMap { Int($0.drop { $0 != ":" }.dropFirst().trimmingSpaces) } ?? 0
        let fault = decide(log.add(String(words[0]), String(words[1])))
        if case .resetRequest(let limit) = fault {
            _ = client.body(min(limit, count))
            client.reset()
            return false
        }
        let body = client.body(count)
        guard body.count == count else { return false }
        switch fault {
        case .answer(let status, let text): return client.say(Self.answer(status, text))
        case .silence:
            client.waitForEnd()
            return false
        case .resetRequest, .none, .replace, .lose, .resetAnswer, .truncate, .trickle: break
        }
        guard let store = RawConnection(to: port) else { return false }
        guard store.say("\(head)\r\nConnection: close\r\n\r\n"), store.say(body) else { return false }
        return hand(store, to: client, fault)
    }

    private static func hand(_ store: RawConnection, to client: RawConnection, _ fault: Fault) -> Bool {
        switch fault {
        case .lose:
            store.waitForEnd()
            client.reset()
        case .replace(let status, let text):
            store.waitForEnd()
            return client.say(answer(status, text))
        case .resetAnswer(let limit), .truncate(let limit):
            guard let head = store.head(), client.say("\(head)\r\n\r\n") else { return false }
            client.say(store.body(limit))
            if case .resetAnswer = fault { client.reset() }
        case .trickle(let milliseconds):
            guard let head = store.head(), client.say("\(head)\r\n\r\n") else { return false }
            store.each { bytes in
                for byte in bytes {
                    guard client.say([byte]) else { return false }
                    usleep(UInt32(milliseconds) * 1000)
                }
                return true
            }
        case .none, .answer, .resetRequest, .silence: store.each { client.say($0) }
        }
        return false
    }

    private static func answer(_ status: Int, _ text: String) -> String {
        "HTTP/1.1 \(status) Said\r\nContent-Type: application/xml\r\nContent-Length: \(text.utf8.count)\r\n\r\n\(text)"
    }
}

extension Substring {
    fileprivate var trimmingSpaces: String { String(filter { $0 != " " }) }
}
