package import Core
import HTTPClient
package import Ledger
import Platform
package import Storage

/// Opens the store that the settings name, or another one spoken to in the same way.
package struct StoreOpening: Sendable {
    /// A bucket, and the connections that are its own.
    package struct Bucket: Sendable {
        package let store: S3BlobStore
        let client: HTTPClient
        let credentials: S3CredentialProvider

        package func shutDown() async { await client.shutDown() }
    }

    private let settings: Settings
    private let time: any TimeSource
    private let patience: Int

    /// `patience`: how many times the usual seconds a store that is only looked at may take.
    package init(_ settings: Settings, time: any TimeSource = SystemTime(), patience: Int = 1) {
        self.settings = settings
        self.time = time
        self.patience = patience
    }

    /// What the settings name; nil for the folder of this machine.
    package var name: StoreName? { settings.store }

    /// `isBrief` is for looking: what does not answer within seconds is away.
    package func bucket(
        _ bucket: String, prefix: String, journal: any MultipartJournal, isBrief: Bool = false
    ) throws -> Bucket {
        var configuration = settings.storeConnection.configuration(bucket: bucket, prefix: prefix)
        if isBrief { configuration.makeBrief(patience) }
        do {
            let client = try S3BlobStore.client(for: configuration)
            let credentials = S3CredentialProvider.standard(
                environment: settings.ambient.environment, client: client, time: time)
            let store = try S3BlobStore(
                configuration, credentials: credentials, client: client, journal: journal, time: time)
            return Bucket(store: store, client: client, credentials: credentials)
        } catch let failure as BlobFailure {
            throw fault(failure)
        }
    }

    /// A store for a command, beside a server that may be running.
    package struct Opened: Sendable {
        package let store: any BlobStore
        private let bucket: Bucket?

        fileprivate init(_ store: any BlobStore, _ bucket: Bucket?) { (self.store, self.bucket) = (store, bucket) }

        /// Nil where the store is this machine's folder.
        package var s3: S3BlobStore? { bucket?.store }

        package func shutDown() async { await bucket?.shutDown() }
    }

    /// The store of the settings.
    package func open(journal: (any MultipartJournal)? = nil) throws -> Opened {
        try open(name?.place ?? .file, prefix: name?.path ?? "", journal: journal)
    }

    package func open(
        _ place: StoreName.Place, prefix: String = "", journal: (any MultipartJournal)? = nil
    ) throws -> Opened {
        switch place {
        case .file:
            let lanes = try Lanes(count: 4, name: "store")
            return Opened(LocalBlobStore(reading: blobs, lanes: lanes), nil)
        case .bucket(let text):
            let journal = journal ?? MemoryMultipartJournal(time: time)
            let bucket = try bucket(text, prefix: prefix, journal: journal)
            return Opened(bucket.store, bucket)
        }
    }

    /// As `open`, to put something there.
    package func openForWriting(_ place: StoreName.Place) throws -> Opened {
        guard place == .file else { return try open(place) }
        return Opened(try LocalBlobStore(beside: blobs, lanes: try Lanes(count: 4, name: "store")), nil)
    }

    private var blobs: String { settings.data + "/blobs" }

    /// The same bucket over the same connections, for looking whether it answers.
    func brief(_ bucket: Bucket, _ name: StoreName, journal: any MultipartJournal) throws -> S3BlobStore {
        guard case .bucket(let text) = name.place else { preconditionFailure("\(name) is no bucket") }
        var configuration = settings.storeConnection.configuration(bucket: text, prefix: name.path)
        configuration.makeBrief(patience)
        do {
            return try S3BlobStore(
                configuration, credentials: bucket.credentials, client: bucket.client, journal: journal, time: time)
        } catch {
            throw fault(error)
        }
    }

    /// Whether the store of the settings can be worked with: lists, writes, reads and deletes an object of its own. Says
    /// what must be known besides, if anything.
    package func check() async throws -> String? {
        guard let name, case .bucket(let text) = name.place else { return nil }
        let bucket = try bucket(
            text, prefix: name.path, journal: MemoryMultipartJournal(time: time), isBrief: true)
        do {
            try await bucket.store.check()
        } catch {
            await bucket.shutDown()
            throw error
        }
        await bucket.shutDown()
        return Self.warning(of: bucket.store)
    }

    /// A clock that is off is allowed for, and told: other things depend on it.
    static func warning(of store: S3BlobStore) -> String? {
        guard let error = store.clockError, error > .seconds(60) || error < .seconds(-60) else { return nil }
        let isAhead = error < .zero
        let minutes = max(1, Int((isAhead ? .zero - error : error).inSeconds / 60))
        return "This machine's clock is \(minutes) min \(isAhead ? "ahead of" : "behind") the store's: set it right."
    }

    // MARK: What a person must mend

    /// Which setting it is, and what to do; nil where it may pass by itself.
    package func mending(_ failure: BlobFailure) -> SettingsFailure? {
        switch failure.cause {
        case .unresolved, .unreachable: nil
        case nil: failure.isPassing ? nil : fault(failure)
        default: fault(failure)
        }
    }

    private func fault(_ failure: BlobFailure) -> SettingsFailure {
        let (key, remedy) = Self.remedy(failure.cause)
        let value =
            switch key {
            case "SLUICE_S3_REGION": settings.storeConnection.region ?? ""
            case "SLUICE_S3_ENDPOINT": settings.storeConnection.endpoint ?? ""
            default: settings.store?.description ?? ""
            }
        return SettingsFailure([.init(key, value, why: failure.message, remedy: remedy)])
    }

    /// What to do about it.
    package static func todo(_ failure: BlobFailure) -> String { remedy(failure.cause).remedy }
    package static let clock = "set this machine's clock right: timedatectl"

    static func remedy(_ cause: BlobFailure.Cause?) -> (key: String, remedy: String) {
        switch cause {
        case .noCredentials:
            ("SLUICE_STORE", "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE")
        case .wrongSecret: ("SLUICE_STORE", "correct AWS_SECRET_ACCESS_KEY, or the profile it is read from")
        case .unknownKey: ("SLUICE_STORE", "correct AWS_ACCESS_KEY_ID, or the profile it is read from")
        case .expiredToken: ("SLUICE_STORE", "get new credentials, AWS_SESSION_TOKEN with them")
        case .missingBucket: ("SLUICE_STORE", "make the bucket, or correct its name")
        case .noPermission:
            ("SLUICE_STORE", "let these credentials list, read, write and delete in the bucket")
        case .wrongRegion(let region?): ("SLUICE_S3_REGION", "set it to \(region)")
        case .wrongRegion: ("SLUICE_S3_REGION", "set it to the bucket's region")
        case .clockOff: ("SLUICE_STORE", clock)
        case .tls:
            ("SLUICE_S3_ENDPOINT", "name the host as its certificate does; a CA of your own: SLUICE_S3_CA_FILE")
        case .unresolved, .unreachable: ("SLUICE_S3_ENDPOINT", "correct the address, or start what it names")
        case nil: ("SLUICE_STORE", "correct it, or the SLUICE_S3_ settings")
        }
    }
}

extension S3Configuration {
    /// One try and a second one, seconds each.
    fileprivate mutating func makeBrief(_ patience: Int) {
        deadlines = Deadlines(
            connect: .seconds(3 * patience), firstByte: .seconds(4 * patience), stall: .seconds(4 * patience),
            whole: .seconds(8 * patience))
        retries = S3RetryPolicy(tries: 2, first: .milliseconds(200), cap: .seconds(1))
    }
}

extension StoreOpening {
    /// Aborts uploads in parts at the store of the settings that nobody goes on with; says how many. Where no server runs
    /// that is all of them.
    package func sweepMultiparts(_ ledger: any LedgerStore, isServed: Bool) async throws -> Int {
        guard let name else { return 0 }
        let journal = LedgerMultipartJournal(
            ledger: ledger, store: name.description, node: NodeID(checked: "node_none"))
        let opened = try open(journal: journal)
        do {
            let age = isServed ? Duration.seconds(3600) : .zero
            let count = try await opened.s3?.sweepMultiparts(named: isServed ? .seconds(6 * 3600) : .zero, unnamed: age)
            await opened.shutDown()
            return count ?? 0
        } catch {
            await opened.shutDown()
            throw error
        }
    }
}
