import CLinux
import Glibc
import Platform

/// The hot path of deliveries: head, date and file leave in one or two system calls, without an allocation or a hop.
extension Connection {
    /// Of one connection's turn; the others wait no longer than this takes.
    static var turn: Int { 1 << 20 }

    /// False when the socket took less than everything: the rest is in `unsent`, or `mustClose` is set.
    func sendQuick(_ quick: QuickFile, isHead: Bool, _ reactor: isolated Reactor) -> Bool {
        let file = quick.file
        let date = desk.date(reactor.now)
        let contents = isHead ? nil : file.contents
        let inHead = file.head.count + date.count
        let whole = inHead + (contents?.count ?? 0)
        let follows = contents == nil && !isHead && file.size > 0
        switch sendPieces(file.head, date, contents, more: follows) {
        case .gone:
            mustClose = true
            return false
        case .wouldBlock:
            keep(file, date, sent: 0, isHead)
            return false
        case .moved(let sent) where sent < whole:
            keep(file, date, sent: sent, isHead)
            return false
        case .moved:
            return !follows || sendFileNow(file, from: 0, to: file.size)
        }
    }

    private func sendPieces(_ head: [UInt8], _ date: [UInt8], _ contents: [UInt8]?, more: Bool) -> Socket.Transfer {
        head.withUnsafeBytes { head in
            date.withUnsafeBytes { date in
                (contents ?? []).withUnsafeBytes { contents in
                    withUnsafeTemporaryAllocation(of: iovec.self, capacity: 3) { pieces in
                        pieces.initializeElement(at: 0, to: Self.piece(head))
                        pieces.initializeElement(at: 1, to: Self.piece(date))
                        pieces.initializeElement(at: 2, to: Self.piece(contents))
                        return Socket.send(descriptor, pieces, more: more)
                    }
                }
            }
        }
    }

    /// The kernel only reads what a sendmsg points to.
    private static func piece(_ bytes: UnsafeRawBufferPointer) -> iovec {
        iovec(iov_base: UnsafeMutableRawPointer(mutating: bytes.baseAddress), iov_len: bytes.count)
    }

    private func sendFileNow(_ file: OpenFile, from start: Int64, to end: Int64) -> Bool {
        var offset = start
        while offset < end {
            let limit = Int(min(end - offset, Int64(Self.turn)))
            guard case .moved(let sent) = Socket.sendFile(descriptor, file, at: offset, count: limit), sent > 0 else {
                // Whether the socket is full or broken shows at the next attempt, after a wait.
                unsent = Unsent(file: file, head: [], offset: offset, end: end)
                return false
            }
            offset += Int64(sent)
            if offset - start >= Int64(Self.turn), offset < end {
                unsent = Unsent(file: file, head: [], offset: offset, end: end)
                return false
            }
        }
        return true
    }

    /// Rare: the socket's buffer had no room even for the head.
    private func keep(_ file: OpenFile, _ date: [UInt8], sent: Int, _ isHead: Bool) {
        let head = file.head + date
        let end = isHead ? 0 : file.size
        if sent < head.count {
            unsent = Unsent(file: file, head: Array(head[sent...]), offset: 0, end: end)
        } else {
            unsent = Unsent(file: file, head: [], offset: Int64(sent - head.count), end: end)
        }
    }

    /// Sends the rest of a quick answer; false when the connection is lost.
    func flush(on reactor: isolated Reactor) async -> Bool {
        guard let unsent else { return true }
        self.unsent = nil
        do throws(BodyFailure) {
            if !unsent.head.isEmpty { try await send(unsent.head, on: reactor) }
            try await send(unsent.file, unsent.offset..<unsent.end, on: reactor)
            return true
        } catch {
            return false
        }
    }
}
