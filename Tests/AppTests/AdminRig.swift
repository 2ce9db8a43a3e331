@testable import App
import Access
import Core
import Events
import HTTPServer
import Ingest
import Ledger
import Platform
import ScanBridge
import StreamCoord
import TestSupport
import Testing

/// `/admin/*` over a ledger of its own, asked as whoever the test names in `X-Tenant`.
struct AdminRig: Sendable {
    let ledger: any LedgerStore
    let time: ManualTime
    let uploads: UploadService
    let health: Health
    let metrics = Metrics()
    private let router: Router

    fileprivate init(_ folder: String, ledger: any LedgerStore, time: ManualTime) throws {
        self.ledger = ledger
        self.time = time
        uploads = UploadService(
            limits: UploadLimits(), node: Self.node, ledger: ledger,
            spool: DiskSpool(device: try FolderDevice(folder: folder + "/spool"), durability: .fast),
            lanes: try Lanes(count: 1, name: "test"), time: time,
            events: EventWriter(publicURL: nil, hasCore: false))
        health = Health(
            roles: Set(Role.allCases), ledger: ledger, scanner: .disabled,
            store: StoreWatch(kind: "file", time: time), folder: try DataFolder(folder), time: time,
            metrics: metrics)
        var router = Router()
        AdminRoutes(
            ledger: ledger, events: EventWriter(publicURL: nil, hasCore: false), uploads: uploads, health: health,
            time: time
        ).register(on: &router) { request in
            Principal(
                tenant: TenantID(checked: request.fields["x-tenant"] ?? "default"), user: UserID(checked: "boss"),
                permissions: request.fields["x-plain"] == nil ? [.admin] : [.manageTracks])
        }
        self.router = router
    }

    static let node = NodeID(checked: "node_1")

    /// What it answers: the status, the whole body, and the wait it asks for.
    func ask(
        _ method: Method, _ target: String, as tenant: String = "default", _ body: JSON? = nil,
        plain: Bool = false
    ) async throws -> (status: Int, json: JSON, wait: String?) {
        var fields = [("X-Tenant", tenant)]
        if plain { fields.append(("X-Plain", "1")) }
        let request = Request(method, target, fields: fields, body: body.map { Body(bytes: $0.bytes) } ?? .empty)
        let response: Response
        do {
            response = try await router.handle(request)
        } catch {
            response = Problem.envelope(FrontDoor.refusal(of: error), requestID: request.id)
        }
        guard case .bytes(let bytes) = response.body else { return (response.status, .null, nil) }
        return (response.status, try JSON.parse(String(decoding: bytes, as: UTF8.self)), response["Retry-After"])
    }

    func add(
        _ tenant: String = "default", queue: Queue = .finish, key: String? = nil, tries: Int = 1
    ) async throws -> JobID {
        let job = NewJob(
            kind: "test", queue: queue, tenant: TenantID(checked: tenant), uniqueKey: key, maximumAttempts: tries)
        return try await ledger.write("add") { try $0.jobs.enqueue(job).id }
    }

    /// Claims everything that is due and buries it.
    func buryAll(_ error: String = "it broke") async throws {
        try await ledger.write("bury") { tx in
            let jobs = try tx.jobs.claim(node: Self.node, boot: "b", limit: 1000, lease: .seconds(30))
            for job in jobs { _ = try tx.jobs.settle(job.lease, .dead(error: error)) }
        }
    }
}

func withAdmin(_ body: (AdminRig) async throws -> Void) async throws {
    try await withTemporaryFolder { folder in
        let time = ManualTime()
        let ledger = try SQLiteLedger(.init(path: folder + "/ledger.sqlite"), time: time)
        try Files.makeFolder(folder + "/spool")
        try await body(try AdminRig(folder, ledger: ledger, time: time))
        await ledger.close()
    }
}
