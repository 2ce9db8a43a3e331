internal import CCurl
internal import Glibc
internal import Platform
internal import Synchronization

/// The thread that owns libcurl's multi handle: everything of libcurl happens on it, but waking it up.
///
/// `@unchecked Sendable`: `multi` is used by other threads only to wake it, under the lock and never once it is closed; `live`
/// and `waiting` are the thread's own; the rest is behind `mail`.
final class TransferLoop: @unchecked Sendable {
    /// What other threads leave for this one.
    private struct Mail {
        var arrived: [Transfer] = []
        var cancelled: [UInt64] = []
        var resumed: [UInt64] = []
        var isClosing = false
        var isOver = false
        var isWoken = false
        /// Transfers that run or wait.
        var load = 0
        var nextID: UInt64 = 0
        var closers: [CheckedContinuation<Void, Never>] = []
    }

    private let multi: UnsafeMutableRawPointer
    private let places: Int
    private let capacity: Int
    private let clock: @Sendable () -> Deadline
    private let mail = Mutex(Mail())
    private var live: [UInt64: Transfer] = [:]
    private var waiting: [Transfer] = []

    init(places: Int, waiting: Int, clock: @escaping @Sendable () -> Deadline) throws(Errno) {
        guard Self.isReady, let multi = curl_multi_init() else { throw Errno(code: ENOMEM) }
        self.multi = multi
        self.places = places
        capacity = places + waiting
        self.clock = clock
        sluice_curl_multi_set_long(multi, CURLMOPT_MAXCONNECTS, places)
    }

    private static let isReady = curl_global_init(Int(CURL_GLOBAL_ALL)) == CURLE_OK

    // MARK: Any thread

    func nextID() -> UInt64 {
        mail.withLock { mail in
            mail.nextID += 1
            return mail.nextID
        }
    }

    func submit(_ transfer: Transfer) throws(ClientFailure) {
        let refusal = mail.withLock { mail -> ClientFailure? in
            if mail.isClosing { return .shutDown }
            guard mail.load < capacity else {
                return ClientFailure(.overloaded, "\(mail.load) requests run or wait already.")
            }
            mail.load += 1
            mail.arrived.append(transfer)
            wake(&mail)
            return nil
        }
        if let refusal { throw refusal }
    }

    func cancel(_ id: UInt64) {
        mail.withLock { mail in
            guard !mail.isOver else { return }
            mail.cancelled.append(id)
            wake(&mail)
        }
    }

    /// Its reader took what waited.
    func resume(_ id: UInt64) {
        mail.withLock { mail in
            guard !mail.isOver else { return }
            mail.resumed.append(id)
            wake(&mail)
        }
    }

    func close() {
        mail.withLock { mail in
            mail.isClosing = true
            wake(&mail)
        }
    }

    /// Returns when the thread has let go of everything.
    func closed() async {
        await withCheckedContinuation { continuation in
            let isOver = mail.withLock { mail in
                if !mail.isOver { mail.closers.append(continuation) }
                return mail.isOver
            }
            if isOver { continuation.resume() }
        }
    }

    private func wake(_ mail: inout Mail) {
        guard !mail.isOver, !mail.isWoken else { return }
        mail.isWoken = true
        curl_multi_wakeup(multi)
    }

    // MARK: The thread

    func run() {
        var now = clock()
        while readMail(at: now) {
            fillPlaces()
            var running: Int32 = 0
            curl_multi_perform(multi, &running)
            harvest()
            now = clock()
            let due = expire(at: now)
            // A failing poll (descriptors or memory are out) must not become a loop without rest.
            let milliseconds = Int32(clamping: due.rest(from: now))
            if curl_multi_poll(multi, nil, 0, milliseconds, nil) != CURLM_OK { usleep(10_000) }
            now = clock()
        }
        for transfer in live.values { end(transfer, .failure(.shutDown)) }
        for transfer in waiting { end(transfer, .failure(.shutDown)) }
        waiting = []
        let closers = mail.withLock { mail in
            mail.isOver = true
            curl_multi_cleanup(multi)
            defer { mail.closers = [] }
            return mail.closers
        }
        for closer in closers { closer.resume() }
    }

    /// False when it is time to go.
    private func readMail(at now: Deadline) -> Bool {
        let (arrived, cancelled, resumed, isClosing) = mail.withLock { mail in
            defer {
                mail.arrived = []
                mail.cancelled = []
                mail.resumed = []
                mail.isWoken = false
            }
            return (mail.arrived, mail.cancelled, mail.resumed, mail.isClosing)
        }
        waiting += arrived
        for id in cancelled {
            if let transfer = live[id] {
                end(transfer, .failure(.cancelled))
            } else if let index = waiting.firstIndex(where: { $0.id == id }) {
                end(waiting.remove(at: index), .failure(.cancelled))
            }
        }
        for id in resumed {
            guard let transfer = live[id], let easy = transfer.easy else { continue }
            transfer.resumed(at: now)
            curl_easy_pause(easy, CURLPAUSE_CONT)
        }
        return !isClosing
    }

    private func fillPlaces() {
        let count = min(max(0, places - live.count), waiting.count)
        guard count > 0 else { return }
        let starting = waiting[..<count]
        for transfer in starting {
            live[transfer.id] = transfer
            guard let easy = transfer.open() else {
                end(transfer, .failure(ClientFailure(.invalid, "The request cannot be put into libcurl's form.")))
                continue
            }
            let code = curl_multi_add_handle(multi, easy)
            if code != CURLM_OK {
                end(transfer, .failure(ClientFailure(.overloaded, String(cString: curl_multi_strerror(code)))))
            }
        }
        waiting.removeFirst(count)
    }

    private func harvest() {
        var code = CURLE_OK
        while let easy = sluice_curl_finished(multi, &code) {
            guard let transfer = Transfer.of(easy) else { continue }
            end(transfer, transfer.outcome(code))
        }
    }

    /// Ends what ran out of time; says when the next one does.
    private func expire(at now: Deadline) -> Deadline {
        var due = Deadline.never
        for transfer in live.values {
            if transfer.timer.due <= now, let failure = transfer.overrun(at: now) {
                end(transfer, .failure(failure))
            } else {
                due = min(due, transfer.timer.due)
            }
        }
        // Those that wait came in the order of their calls, yet each has a limit of its own.
        waiting.removeAll { transfer in
            guard let failure = transfer.overrun(at: now) else {
                due = min(due, transfer.timer.due)
                return false
            }
            end(transfer, .failure(failure))
            return true
        }
        // A place became free: somebody who waits takes it at once.
        return live.count < places && !waiting.isEmpty ? now : due
    }

    /// Frees everything first: when the caller hears of it, nothing of its request is in use.
    private func end(_ transfer: Transfer, _ ending: Result<Void, ClientFailure>) {
        if let easy = transfer.easy { curl_multi_remove_handle(multi, easy) }
        transfer.close()
        live[transfer.id] = nil
        mail.withLock { $0.load -= 1 }
        transfer.exchange.ended(ending)
    }
}

extension Deadline {
    /// For poll, rounded up; a minute at most, so that the number always fits.
    fileprivate func rest(from now: Deadline) -> Int64 {
        guard self != .never else { return 60_000 }
        return min(60_000, max(0, (nanoseconds - now.nanoseconds + 999_999) / 1_000_000))
    }
}
