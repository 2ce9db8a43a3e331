internal import Core
internal import HTTPClient
internal import Platform
internal import Synchronization

/// The store's other end: addresses, signs and sends calls, tries again what may succeed, and says what a refusal means.
/// Safe to use from any task.
final class S3Endpoint: Sendable {
    private struct State {
        var region: String
        var address: S3Address
        /// What must be added to our clock to be at the store's.
        var skew = Duration.zero
        var signer: SignatureV4?
    }

    let configuration: S3Configuration
    let client: HTTPClient
    let time: any TimeSource
    private let credentials: S3CredentialProvider
    private let budget = RetryBudget()
    /// Nobody set it: what the store says is believed.
    private let learnsRegion: Bool
    private let state: Mutex<State>

    init(
        _ configuration: S3Configuration, credentials: S3CredentialProvider, client: HTTPClient, time: any TimeSource
    ) throws(BlobFailure) {
        self.configuration = configuration
        self.credentials = credentials
        self.client = client
        self.time = time
        // Most stores that are not AWS call their only region so, or take any name; "auto" is one of AWS's at no place.
        let isOwn = configuration.endpoint != nil || configuration.region != "auto"
        let region = isOwn ? configuration.region.full ?? "us-east-1" : "us-east-1"
        learnsRegion = configuration.region.full == nil || configuration.region == "auto"
        state = Mutex(State(region: region, address: try S3Address(configuration, region: region)))
    }

    /// Learnt from a refusal; nothing while the clocks agree as far as the store minds.
    var skew: Duration { state.withLock(\.skew) }

    // MARK: Sending

    /// The whole answer: 2xx, or one that the call accepts.
    func send(_ call: S3Call) async throws(BlobFailure) -> ClientResponse {
        try await attempt(call) { (request: ClientRequest) async throws(ClientFailure) in
            let response = try await self.client.send(request)
            return (response, response)
        }
    }

    /// The head of the answer; errors are read to their end like those of `send`.
    func stream(_ call: S3Call) async throws(BlobFailure) -> ClientStream {
        try await attempt(call) { (request: ClientRequest) async throws(ClientFailure) in
            let stream = try await self.client.stream(request)
            if call.isFine(stream.status) { return (stream, nil) }
            var body: [UInt8] = []
            while body.count < 65_536, let some = try await stream.next() { body += some }
            return (stream, ClientResponse(status: stream.status, fields: stream.fields, body: body))
        }
    }

    /// `ask` gives the answer, and beside it the form in which it can be judged; nil is a good one.
    private func attempt<Answer: Sendable>(
        _ call: S3Call, _ ask: @Sendable (ClientRequest) async throws(ClientFailure) -> (Answer, ClientResponse?)
    ) async throws(BlobFailure) -> Answer {
        let deadline = Deadline.after(allowance(for: call))
        let policy = RetryPolicy.doubling(
            from: configuration.retries.first, upTo: configuration.retries.cap,
            tries: call.tries ?? configuration.retries.tries)
        var mends = Mends()
        var number = 1
        while true {
            let credentials = try await credentials.current()
            let (request, region, host) = try signed(call, credentials, within: deadline.remaining)
            let failure: BlobFailure
            switch await Self.result(of: ask, request) {
            case .success((let answer, let response)):
                guard let response, let refusal = call.refusal(of: response) else {
                    budget.earn()
                    return answer
                }
                if try mend(refusal, &mends, credentials, region) { continue }
                failure = refusal.failure(call.name, bucket: configuration.bucket, region: region)
                guard refusal.isPassing else { throw failure }
            case .failure(let error):
                failure = BlobFailure(error, call.name, host: host)
                // A certificate stays what it is.
                guard error.isPassing, error.kind != .tls else { throw failure }
            }
            guard let wait = policy.wait(after: number), wait < deadline.remaining, budget.take() else { throw failure }
            number += 1
            do { try await time.sleep(for: wait) } catch { throw BlobFailure(.away, "\(call.name) was given up.") }
        }
    }

    private static func result<Answer: Sendable>(
        of ask: @Sendable (ClientRequest) async throws(ClientFailure) -> (Answer, ClientResponse?),
        _ request: ClientRequest
    ) async -> Result<(Answer, ClientResponse?), ClientFailure> {
        do throws(ClientFailure) { return .success(try await ask(request)) } catch { return .failure(error) }
    }

    /// Bytes get the time that a slow line needs for them.
    private func allowance(for call: S3Call) -> Duration {
        configuration.deadlines.whole * call.patience + .microseconds(call.byteCount * 1_000_000 / Self.slowestRate)
    }

    /// Bytes a second.
    private static let slowestRate: Int64 = 262_144

    // MARK: Mending

    /// What was learnt from an answer, each at most once a call: a store that says the same again is believed.
    private struct Mends {
        var clock = false
        var region = false
        var credentials = false
    }

    /// True where the same call may go out again at once.
    private func mend(
        _ refusal: S3Refusal, _ mends: inout Mends, _ used: S3Credentials, _ region: String
    ) throws(BlobFailure) -> Bool {
        if refusal.isSkewed, !mends.clock, let date = refusal.date {
            mends.clock = true
            let now = time.now
            state.withLock { $0.skew = date - now }
            return true
        }
        if refusal.isExpired, !mends.credentials, used.expires != nil {
            mends.credentials = true
            credentials.refused(used)
            return true
        }
        if !mends.region, learnsRegion, let right = refusal.region, right != region,
            refusal.concernsRegion || refusal.code.isEmpty
        {
            mends.region = true
            let address = try S3Address(configuration, region: right)
            state.withLock { ($0.region, $0.address, $0.signer) = (right, address, nil) }
            return true
        }
        return false
    }

    // MARK: Signing

    private func signed(
        _ call: S3Call, _ credentials: S3Credentials, within rest: Duration
    ) throws(BlobFailure) -> (ClientRequest, region: String, host: String) {
        let now = time.now
        let (address, region, moment, signer) = state.withLock { state in
            let moment = now + state.skew
            if state.signer?.holds(for: moment, credentials, region: state.region) != true {
                state.signer = SignatureV4(credentials, region: state.region, day: moment)
            }
            return (state.address, state.region, moment, state.signer)
        }
        guard let signer, rest > .zero else {
            throw BlobFailure(.away, "The store did not do \(call.name) in time.", cause: .unreachable)
        }
        let request = request(of: call, at: address)
        let payload = call.payload ?? SignatureV4.unsigned
        let fields = request.fields + signer.sign(request, payload: payload, at: moment)
        var sent = ClientRequest(
            call.method, SignatureV4.url(of: request), fields: fields, body: call.body,
            responseLimit: call.responseLimit)
        let limits = configuration.deadlines
        sent.deadlines = .init(
            connect: limits.connect, firstByte: limits.firstByte * call.patience, stall: limits.stall, whole: rest)
        sent.deadlines.stallBytes = 1024
        // A round trip a part; a refusal comes through as well, for the body is a file's or is kept.
        sent.waitsForContinue = false
        return (sent, region, address.host)
    }

    private func request(of call: S3Call, at address: S3Address) -> SignedRequest {
        SignedRequest(
            method: call.method, scheme: address.scheme, host: address.host,
            path: address.base + (call.path.map { "/\($0)" } ?? (address.base.isEmpty ? "/" : "")),
            query: call.query, fields: call.fields)
    }

    func presigned(_ call: S3Call, lifetime: Duration) async throws(BlobFailure) -> String {
        let credentials = try await credentials.current()
        let now = time.now
        let (address, region, skew) = state.withLock { ($0.address, $0.region, $0.skew) }
        return SignatureV4(credentials, region: region, day: now + skew)
            .presign(request(of: call, at: address), at: now + skew, lifetime: lifetime)
    }
}

extension S3Call {
    fileprivate func isFine(_ status: Int) -> Bool { (200..<300).contains(status) || accepted.contains(status) }

    /// Nil for an answer that does what was asked.
    fileprivate func refusal(of response: ClientResponse) -> S3Refusal? {
        guard isFine(response.status) else { return S3Refusal(response) }
        if accepted.contains(response.status), response.status >= 300 {
            // Absent keys are the caller's; an absent bucket is not.
            let refusal = S3Refusal(response)
            return refusal.code == "NoSuchBucket" ? refusal : nil
        }
        guard mayFailLate else { return nil }
        guard let root = XMLElement.parse(response.body) else {
            return S3Refusal(ClientResponse(status: 500, fields: response.fields, body: response.body))
        }
        // Sent as 200 before it was known: it is worth what its code is worth.
        guard root.name == "Error" else { return nil }
        return S3Refusal(ClientResponse(status: 500, fields: response.fields, body: response.body))
    }
}
