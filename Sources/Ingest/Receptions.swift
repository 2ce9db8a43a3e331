import Core
import Platform
import Synchronization

/// The receptions that are in use, at most one an upload. Idle ones stay, descriptors open, up to a bound. Safe from any
/// task.
final class Receptions: Sendable {
    private struct Entry {
        let reception: Reception
        var uses: Int
    }

    private let entries = Mutex<[UploadID: Entry]>([:])
    private let spool: any Spool
    private let lanes: Lanes
    private let mostIdle: Int

    init(spool: any Spool, lanes: Lanes, mostIdle: Int = 256) {
        self.spool = spool
        self.lanes = lanes
        self.mostIdle = mostIdle
    }

    func with<T: Sendable>(
        _ upload: UploadID, length: Int64?, promise: FormatPromise, _ body: (Reception) async throws -> T
    ) async throws -> T {
        let reception = take(upload, length: length, promise: promise)
        defer { giveBack(upload) }
        try await reception.open()
        return try await body(reception)
    }

    func take(_ upload: UploadID, length: Int64?, promise: FormatPromise) -> Reception {
        entries.withLock { entries in
            if let entry = entries[upload] {
                entries[upload]?.uses += 1
                return entry.reception
            }
            let reception = Reception(
                upload: upload, length: length, promise: promise, spool: spool, lane: lanes.lane(for: upload))
            entries[upload] = Entry(reception: reception, uses: 1)
            return reception
        }
    }

    func giveBack(_ upload: UploadID) {
        entries.withLock { entries in
            entries[upload]?.uses -= 1
            guard let entry = entries[upload], entry.uses == 0 else { return }
            if entry.reception.state != .receiving { entries[upload] = nil }
            guard entries.count > mostIdle else { return }
            if let idle = entries.first(where: { $0.value.uses == 0 })?.key { entries[idle] = nil }
        }
    }

    /// Bytes of unfinished uploads that are on the disk already, as far as they are known here.
    var bytesReceived: Int64 {
        entries.withLock { entries in
            entries.values.filter { $0.reception.state == .receiving }.reduce(0) { $0 + $1.reception.received.count }
        }
    }
}

/// The frontier of one upload for as long as somebody follows it.
final class Following: ByteFrontier {
    private let reception: Reception
    private let receptions: Receptions

    init(_ reception: Reception, _ receptions: Receptions) {
        self.reception = reception
        self.receptions = receptions
    }

    deinit { receptions.giveBack(reception.upload) }

    var durable: Int64 { reception.durable }
    var isSealed: Bool { reception.isSealed }
    func wait(past count: Int64) async throws { try await reception.wait(past: count) }
}
