package import Core
package import HTTPClient
internal import Synchronization

/// The credentials in use: found once, got anew before they end, by one task for all. Safe to use from any task.
package final class S3CredentialProvider: Sendable {
    private struct State {
        var current: S3Credentials?
        var loading: Task<Result<S3Credentials, BlobFailure>, Never>?
        /// After an early try that failed, so that a source that is away is not asked with every request.
        var earliest = Timestamp(seconds: 0)
    }

    private let sources: [any S3CredentialSource]
    private let time: any TimeSource
    private let state = Mutex(State())

    package init(_ sources: [any S3CredentialSource], time: any TimeSource) {
        self.sources = sources
        self.time = time
    }

    package convenience init(_ credentials: S3Credentials) {
        self.init([FixedCredentials(credentials)], time: SystemTime())
    }

    /// The order of AWS's own tools. `client` may call any address: two of the sources live on link-local ones.
    package static func standard(
        environment: [String: String], client: HTTPClient, time: any TimeSource
    ) -> S3CredentialProvider {
        S3CredentialProvider(
            [
                EnvironmentCredentials(environment),
                WebIdentityCredentials(environment: environment, client: client),
                ProfileCredentials(environment: environment, client: client),
                ContainerCredentials(environment: environment, client: client),
                InstanceCredentials(environment: environment, client: client),
            ], time: time)
    }

    /// From here on they are renewed beside the work; from `late` on the work waits.
    private static let early = Duration.seconds(600)
    private static let late = Duration.seconds(60)

    package func current() async throws(BlobFailure) -> S3Credentials {
        let now = time.now
        let (usable, loading) = state.withLock { state in
            let left = state.current.map { $0.expires.map { $0 - now } ?? .seconds(1 << 40) }
            if let left, left > Self.early {
                return (state.current, Task<Result<S3Credentials, BlobFailure>, Never>?.none)
            }
            if let left, left > Self.late {
                if state.loading == nil, now >= state.earliest { state.loading = load() }
                return (state.current, nil)
            }
            let loading = state.loading ?? load()
            state.loading = loading
            return (nil, loading)
        }
        if let usable { return usable }
        guard let loading else { throw .noCredentials("There are no credentials.") }
        return try await loading.value.get()
    }

    /// The store said that they are over. What was got since stays.
    package func refused(_ credentials: S3Credentials) {
        state.withLock { state in
            if state.current == credentials { state.current = nil }
        }
    }

    /// Its end is awaited by whoever needs it, and bounded by the deadlines of the sources; it is never cancelled, for it
    /// is everybody's.
    private func load() -> Task<Result<S3Credentials, BlobFailure>, Never> {
        Task {
            let result: Result<S3Credentials, BlobFailure>
            do throws(BlobFailure) { result = .success(try await ask()) } catch { result = .failure(error) }
            state.withLock { state in
                state.loading = nil
                switch result {
                case .success(let credentials): state.current = credentials
                case .failure: state.earliest = time.now + .seconds(30)
                }
            }
            return result
        }
    }

    private func ask() async throws(BlobFailure) -> S3Credentials {
        for source in sources {
            if let credentials = try await source.load() { return credentials }
        }
        let names = sources.map(\.name).joined(separator: ", ")
        throw .noCredentials(
            "No credentials for the store: looked in \(names). Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or a profile."
        )
    }
}
