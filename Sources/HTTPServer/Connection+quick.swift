import CLinux
import Glibc
import Platform

/// The hot path of deliveries: head, date and file leave in one or two system calls, without an allocation or a hop.
extension Connection {
    /// Of one connection's turn; the others wait no longer than this takes.
    static var turn: Int { 1 << 20 }

    /// False when the socket took less than everything: the rest is in `unsent`, or `mustClose` is set.
    func sendQuick(_ quick: QuickFile, isHead: Bool, _ now: Int64) -> Bool {
        let file = quick.file
        let date = desk.date(now)
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

    /// False when it did not all go: the rest is in `unsent`.
    private func sendFileNow(_ file: OpenFile, from start: Int64, to end: Int64) -> Bool {
        var offset = start
        hadItsTurn = false
        while offset < end {
            let limit = Int(min(end - offset, Int64(Self.turn)))
            switch Socket.sendFile(descriptor, file, at: offset, count: limit) {
            case .moved(let count):
                offset += Int64(count)
                guard offset - start >= Int64(Self.turn), offset < end else { continue }
                hadItsTurn = true
            case .wouldBlock: break
            case .gone: mustClose = true
            }
            guard offset < end else { break }
            unsent = Unsent(file: file, head: [], offset: offset, end: end)
            return false
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

    /// Sends on what a quick answer could not; nil once all is out.
    func sendRest(_ now: Int64) -> Step? {
        guard let rest = unsent else { return nil }
        var head = rest.head[...]
        while !head.isEmpty {
            switch head.withUnsafeBytes({ Socket.send(descriptor, $0, more: rest.end > 0) }) {
            case .moved(let count): head = head.dropFirst(count)
            case .gone: return .close
            case .wouldBlock:
                unsent?.head = Array(head)
                return .wait(.write, until: now + desk.stallTimeout)
            }
        }
        unsent = nil
        if sendFileNow(rest.file, from: rest.offset, to: rest.end) { return nil }
        if mustClose || desk.service.isCut { return .close }
        return hadItsTurn ? .yield : .wait(.write, until: now + desk.stallTimeout)
    }
}
