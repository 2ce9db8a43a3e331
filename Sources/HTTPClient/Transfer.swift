internal import CCurl
internal import Glibc
internal import Platform

/// One request on its way: libcurl's handle and what its callbacks need.
///
/// `@unchecked Sendable`: the task that asks makes it and hands it over; from then on its variables are touched by the
/// client's thread alone, where every callback runs.
final class Transfer: @unchecked Sendable {
    let id: UInt64
    let request: ClientRequest
    let exchange: Exchange
    private let policy: AddressPolicy
    private let certificates: String?
    /// The longest body of the answer.
    private let limit: Int
    private let clock: @Sendable () -> Deadline

    var timer: TransferTimer
    private(set) var easy: UnsafeMutableRawPointer?
    /// What we stopped it for; libcurl then only knows that a callback said no.
    private var failure: ClientFailure?
    private var list: UnsafeMutablePointer<curl_slist>?
    private let fault = UnsafeMutablePointer<CChar>.allocate(capacity: Int(CURL_ERROR_SIZE))
    private var head = HeadReader()
    /// Bytes of the body that were handed to libcurl, and those it sent.
    private var offered: Int64 = 0
    /// Of the body; beyond everything until the end of one that is not known before.
    private var bodyCount: Int64
    private var sent: Int64 = 0
    /// Bytes that had left when time seemed to be up.
    private var lookedAt: Int64 = 0
    private var received = 0
    private var refused: IPAddress?
    private var opened = false
    private var isConnected = false

    init(
        id: UInt64, _ request: ClientRequest, exchange: Exchange, policy: AddressPolicy, certificates: String?,
        limit: Int, clock: @escaping @Sendable () -> Deadline
    ) {
        self.id = id
        self.request = request
        self.exchange = exchange
        self.policy = policy
        self.certificates = certificates
        self.limit = limit
        self.clock = clock
        bodyCount = request.body.count ?? .max
        timer = TransferTimer(request.deadlines, at: clock())
        fault.initialize(repeating: 0, count: Int(CURL_ERROR_SIZE))
    }

    deinit {
        precondition(easy == nil, "a transfer went away with its handle")
        fault.deallocate()
    }

    // MARK: Beginning and end

    /// Nil when memory is out, or libcurl lacks what keeps the promises of this client.
    func open() -> UnsafeMutableRawPointer? {
        guard let easy = curl_easy_init() else { return nil }
        self.easy = easy
        timer.started(at: clock())
        guard setUp(easy) else { return nil }
        return easy
    }

    /// The handle must be out of the multi by now.
    func close() {
        if let easy { curl_easy_cleanup(easy) }
        easy = nil
        curl_slist_free_all(list)
        list = nil
        if case .stream(let body) = request.body { body.over() }
    }

    private func setUp(_ easy: UnsafeMutableRawPointer) -> Bool {
        // Unretained: the loop keeps this object until `close`.
        let context = Unmanaged.passUnretained(self).toOpaque()
        let isGuarded =
            sluice_curl_on_socket(easy, Self.onSocket, context) == CURLE_OK
            && sluice_curl_on_connected(easy, Self.onConnected, context) == CURLE_OK
            && sluice_curl_set_text(easy, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK
            // No proxy, whatever the environment says: it would connect where our guard does not look.
            && sluice_curl_set_text(easy, CURLOPT_PROXY, "") == CURLE_OK
            && sluice_curl_set_long(easy, CURLOPT_DISALLOW_USERNAME_IN_URL, 1) == CURLE_OK
        guard isGuarded else { return false }
        sluice_curl_set_pointer(easy, CURLOPT_PRIVATE, context)
        sluice_curl_set_pointer(easy, CURLOPT_ERRORBUFFER, fault)
        sluice_curl_set_long(easy, CURLOPT_NOSIGNAL, 1)
        // Otherwise a cancelled look-up of a name would be waited for, and every other transfer with it.
        sluice_curl_set_long(easy, CURLOPT_QUICK_EXIT, 1)
        sluice_curl_set_long(easy, CURLOPT_HTTP_VERSION, Int(CURL_HTTP_VERSION_1_1))
        sluice_curl_set_long(easy, CURLOPT_SSLVERSION, Int(CURL_SSLVERSION_TLSv1_2))
        sluice_curl_set_long(easy, CURLOPT_PATH_AS_IS, 1)
        sluice_curl_set_long(easy, CURLOPT_BUFFERSIZE, 65_536)
        sluice_curl_set_long(easy, CURLOPT_TCP_KEEPALIVE, 1)
        // libcurl shares this time out among the addresses of a name; the deadline itself is ours.
        let milliseconds = max(1, min(request.deadlines.connect / .milliseconds(1), 1e9))
        sluice_curl_set_long(easy, CURLOPT_CONNECTTIMEOUT_MS, Int(milliseconds))
        if let certificates {
            sluice_curl_set_text(easy, CURLOPT_CAINFO, certificates)
            sluice_curl_set_text(easy, CURLOPT_CAPATH, nil)
        }
        sluice_curl_on_header(easy, Self.onHeader, context)
        sluice_curl_on_write(easy, Self.onWrite, context)
        sluice_curl_set_text(easy, CURLOPT_URL, request.url)
        return setMethod(easy, context) && setFields(easy)
    }

    private func setMethod(_ easy: UnsafeMutableRawPointer, _ context: UnsafeMutableRawPointer) -> Bool {
        let count = bodyCount
        if request.method == "HEAD" {
            sluice_curl_set_long(easy, CURLOPT_NOBODY, 1)
        } else if count > 0 || ["POST", "PUT", "PATCH"].contains(request.method) {
            // The form of an upload, for any method: libcurl then invents no Content-Type.
            sluice_curl_set_long(easy, CURLOPT_UPLOAD, 1)
            // Less than nothing is not known: it is sent in chunks.
            sluice_curl_set_size(easy, CURLOPT_INFILESIZE_LARGE, request.body.count ?? -1)
            sluice_curl_on_read(easy, Self.onRead, context)
            // A connection that proves dead is replaced, and the body sent from its start.
            sluice_curl_on_seek(easy, Self.onSeek, context)
            if count > 1_048_576 { sluice_curl_set_long(easy, CURLOPT_UPLOAD_BUFFERSIZE, 262_144) }
            if request.onProgress != nil { sluice_curl_on_progress(easy, Self.onProgress, context) }
        }
        if request.method != "HEAD" && request.method != "GET" || count > 0 {
            return sluice_curl_set_text(easy, CURLOPT_CUSTOMREQUEST, request.method) == CURLE_OK
        }
        return true
    }

    private func setFields(_ easy: UnsafeMutableRawPointer) -> Bool {
        // libcurl takes "Name;" for a field without a value, and "Name:" for one it must not send.
        var lines = request.fields.map { $1.isEmpty ? "\($0);" : "\($0): \($1)" }
        // Waiting for 100 (Continue) pays only where a refusal saves much.
        if bodyCount <= 1_048_576 || !request.waitsForContinue { lines.append("Expect:") }
        for line in lines {
            guard let longer = curl_slist_append(list, line) else { return false }
            list = longer
        }
        sluice_curl_set_pointer(easy, CURLOPT_HTTPHEADER, list)
        return true
    }

    // MARK: Judging

    /// Looks again before it says that time is up: bytes may have left without a callback.
    func overrun(at now: Deadline) -> ClientFailure? {
        guard let phase = timer.overrun(at: now) else { return nil }
        if phase != .whole, timer.isSending, let easy {
            let uploaded = sluice_curl_uploaded(easy)
            if uploaded - lookedAt >= request.deadlines.stallBytes {
                lookedAt = uploaded
                timer.renewed(at: now)
                return nil
            }
        }
        let message =
            switch phase {
            case .connect: "No connection stood within \(request.deadlines.connect)."
            case .send: "The server took no bytes for \(request.deadlines.stall)."
            case .firstByte: "The server did not answer within \(request.deadlines.firstByte)."
            case .stall: "The server sent nothing more for \(request.deadlines.stall)."
            case .whole: "The request was not over within \(request.deadlines.whole ?? .zero)."
            }
        return ClientFailure(.timeout(phase), message)
    }

    /// What libcurl's result means.
    func outcome(_ code: CURLcode) -> Result<Void, ClientFailure> {
        if let failure { return .failure(failure) }
        if code == CURLE_OK {
            return head.isComplete ? .success(()) : .failure(ClientFailure(.cut, "The answer has no head."))
        }
        var kind = CurlCode.kind(code)
        // An answer that is no HTTP/1 has the same result as a URL of another scheme.
        if kind == .invalid, isConnected { kind = .cut }
        if kind == .connect, let refused, !opened {
            return .failure(ClientFailure(.refusedAddress, "The address \(refused) may not be called."))
        }
        let said = String(cString: fault)
        return .failure(ClientFailure(kind, said.isEmpty ? String(cString: curl_easy_strerror(code)) : said))
    }

    // MARK: What the callbacks do

    fileprivate func allows(_ address: IPAddress) -> Bool {
        guard policy.permits(address) else {
            refused = address
            return false
        }
        opened = true
        return true
    }

    /// Also for a connection that is used again: its address is judged again.
    fileprivate func connected(to text: String) -> Bool {
        guard let address = IPAddress(text), policy.permits(address) else {
            failure = ClientFailure(.refusedAddress, "The address \(text) may not be called.")
            return false
        }
        isConnected = true
        if case .stream = request.body {} else { offered = 0 }
        sent = 0
        lookedAt = 0
        timer.connected(bodyIsLeft: bodyCount > 0, at: clock())
        return true
    }

    fileprivate func takeHead(_ line: UnsafeRawBufferPointer) -> Bool {
        let wasComplete = head.isComplete
        guard head.take(line) else {
            failure = ClientFailure(.tooLarge, "The head of the answer is longer than \(HeadReader.sizeLimit) bytes.")
            return false
        }
        if head.isComplete {
            timer.received(0, at: clock())
            if !wasComplete { exchange.began(head) }
        }
        return true
    }

    fileprivate func takeBody(_ bytes: UnsafeRawBufferPointer) -> Int {
        guard received <= limit - bytes.count else {
            failure = ClientFailure(.tooLarge, "The answer is longer than \(limit) bytes.")
            return -1
        }
        guard exchange.take(bytes) else {
            timer.paused()
            return Int(CURL_WRITEFUNC_PAUSE)
        }
        received += bytes.count
        timer.received(bytes.count, at: clock())
        return bytes.count
    }

    fileprivate func fill(_ buffer: UnsafeMutableRawBufferPointer) -> Int {
        if case .stream(let body) = request.body { return fill(buffer, from: body) }
        let count = Int(min(Int64(buffer.count), bodyCount - offered))
        guard count > 0 else { return 0 }
        let part = UnsafeMutableRawBufferPointer(rebasing: buffer[..<count])
        switch request.body {
        case .none, .stream: return 0
        case .bytes(let bytes):
            bytes.withUnsafeBytes { part.copyMemory(from: .init(rebasing: $0[Int(offered)..<Int(offered) + count])) }
        case .file(let file, let range):
            var done = 0
            while done < count {
                let got = pread(
                    file.raw, part.baseAddress?.advanced(by: done), count - done,
                    off_t(range.lowerBound + offered) + off_t(done))
                let code = errno
                if got < 0, code == EINTR { continue }
                guard got > 0 else {
                    let why = got < 0 ? Errno(code: code).description : "it ends early"
                    return abort("The file could not be read: \(why).")
                }
                done += got
            }
        }
        give(count)
        return count
    }

    private func give(_ count: Int) {
        offered += Int64(count)
        timer.sent(offered, bodyIsLeft: offered < bodyCount, at: clock())
    }

    private func fill(_ buffer: UnsafeMutableRawBufferPointer, from body: ClientBody) -> Int {
        switch body.take(into: buffer) {
        case .bytes(let count):
            give(count)
            guard offered <= bodyCount else { return abort("The body is longer than was said: \(bodyCount) bytes.") }
            return count
        case .wait:
            // Not the server's fault: its deadline stands still.
            timer.pausedSending()
            return Int(CURL_READFUNC_PAUSE)
        case .end:
            guard body.count == nil || offered == bodyCount else {
                return abort("The body ended after \(offered) bytes of \(bodyCount).")
            }
            bodyCount = offered
            timer.sent(offered, bodyIsLeft: false, at: clock())
            return 0
        case .failed: return abort("The body was given up after \(offered) bytes.")
        }
    }

    private func abort(_ message: String) -> Int {
        failure = ClientFailure(.body, message)
        return Int(CURL_READFUNC_ABORT)
    }

    /// Its reader took what waited, or its writer wrote.
    func resumed(at now: Deadline) {
        if timer.isSending { timer.renewed(at: now) } else { timer.received(0, at: now) }
    }

    fileprivate func seek(to offset: Int64) -> Bool {
        // What was written is gone, unless none of it was taken.
        if case .stream = request.body { return offset == offered }
        guard (0...bodyCount).contains(offset) else { return false }
        offered = offset
        return true
    }

    fileprivate func progressed(_ count: Int64) {
        guard count > sent else { return }
        sent = count
        timer.sent(sent, bodyIsLeft: offered < bodyCount, at: clock())
        request.onProgress?(count)
    }
}

// MARK: The callbacks themselves

extension Transfer {
    private static func from(_ context: UnsafeMutableRawPointer?) -> Transfer? {
        context.map { Unmanaged<Transfer>.fromOpaque($0).takeUnretainedValue() }
    }

    static func of(_ easy: UnsafeMutableRawPointer) -> Transfer? { from(sluice_curl_private(easy)) }

    private static let onHeader: sluice_curl_bytes = { bytes, size, count, context in
        let line = UnsafeRawBufferPointer(start: bytes, count: size * count)
        return from(context)?.takeHead(line) == true ? line.count : 0
    }

    private static let onWrite: sluice_curl_bytes = { bytes, size, count, context in
        // Any other number than what was offered ends the transfer.
        Int(from(context)?.takeBody(UnsafeRawBufferPointer(start: bytes, count: size * count)) ?? -1)
    }

    private static let onRead: sluice_curl_bytes = { bytes, size, count, context in
        from(context)?.fill(UnsafeMutableRawBufferPointer(start: bytes, count: size * count))
            ?? Int(CURL_READFUNC_ABORT)
    }

    private static let onSeek: sluice_curl_seek = { context, offset, origin in
        origin == SEEK_SET && from(context)?.seek(to: Int64(offset)) == true
            ? CURL_SEEKFUNC_OK : CURL_SEEKFUNC_FAIL
    }

    private static let onProgress: sluice_curl_progress = { context, _, _, _, sent in
        from(context)?.progressed(Int64(sent))
        return 0
    }

    private static let onConnected: sluice_curl_connected = { context, address, _, _, _ in
        guard let address, from(context)?.connected(to: String(cString: address)) == true else {
            return CURL_PREREQFUNC_ABORT
        }
        return CURL_PREREQFUNC_OK
    }

    private static let onSocket: sluice_curl_socket = { context, purpose, address in
        guard let address, purpose == CURLSOCKTYPE_IPCXN, let transfer = from(context) else { return -1 }
        var bytes = [UInt8](repeating: 0, count: 16)
        let length = Int(sluice_curl_address(address, &bytes))
        guard length > 0, transfer.allows(IPAddress(bytes: Array(bytes[..<length]))) else { return -1 }
        return sluice_curl_open(address)
    }
}
