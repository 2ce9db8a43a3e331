import Access
import Core
import Crypto
import Events
import HTTPServer
import Ingest
import Ledger
import Platform
import ScanBridge
import Storage
import StreamCoord
import TestSupport
import Testing

@testable import App

@Suite(.timeLimit(.minutes(5))) struct `The API's document` {
    /// `GET /v1/tracks/{}`: names of parameters do not matter.
    private static func operation(_ method: String, _ path: some StringProtocol) -> String {
        let pieces = path.split(separator: "/").map { $0.hasPrefix("{") ? "{}" : $0 }
        return "\(method.uppercased()) /\(pieces.joined(separator: "/"))"
    }

    /// The lines of the section `paths`: a path stands at two spaces, its methods at four.
    private static func documented() -> Set<String> {
        var found: Set<String> = []
        var path: Substring?
        var isInside = false
        for line in String(decoding: OpenAPIDocument.bytes, as: UTF8.self).split(separator: "\n") {
            if !line.hasPrefix(" ") { isInside = line == "paths:" }
            guard isInside, line.hasSuffix(":") else { continue }
            let indent = line.prefix { $0 == " " }.count
            let word = line.dropFirst(indent).dropLast()
            if indent == 2 { path = word }
            let methods = ["get", "put", "post", "delete", "patch", "head", "options"]
            if indent == 4, let path, methods.contains(String(word)) {
                found.insert(operation(String(word), path))
            }
        }
        return found
    }

    @Test func `names every route and method that is registered, and no other`() async throws {
        try await withTemporaryFolder { folder in
            let router = try await Self.router(folder)
            let registered = Set(
                router.routes.flatMap { route in route.methods.map { Self.operation($0.text, route.pattern) } })
            // One route serves them all; the document names its most used file.
            let top = (route: "GET /stream/{}/{}/{}", document: "GET /stream/{}/{}/index.m3u8")
            // The router knows no types: one pattern takes the type of a POST and the id of the others.
            let expected = registered.subtracting([top.route]).union([top.document])
            let documented = Self.documented()
            #expect(documented.subtracting(expected).sorted() == [], "documented and not registered")
            #expect(expected.subtracting(documented).sorted() == [], "registered and not documented")
        }
    }

    @Test func `is served to everybody as YAML`() async throws {
        try await withTemporaryFolder { folder in
            let response = try await Self.router(folder).handle(Request(.get, "/openapi.yaml"))
            #expect(response.status == 200)
            #expect(response["Content-Type"] == "application/yaml")
            guard case .bytes(let bytes) = response.body else {
                Issue.record("no bytes")
                return
            }
            #expect(String(decoding: bytes.prefix(15), as: UTF8.self) == "openapi: 3.1.0\n")
        }
    }

    /// The router of a node with every role.
    private static func router(_ path: String) async throws -> Router {
        let time = ManualTime()
        let folder = try DataFolder(path)
        try folder.prepare()
        let settings = try Settings.load(arguments: ["--data", path], environment: [:])
        let secrets = try Secrets(settings, folder)
        let ledger = try SQLiteLedger(.init(path: path + "/ledger.sqlite"), time: time)
        let lanes = try Lanes(count: 1, name: "test")
        let events = EventWriter(publicURL: nil, hasCore: false)
        let uploads = UploadService(
            limits: UploadLimits(), node: NodeID(checked: "node_1"), ledger: ledger,
            spool: DiskSpool(device: try FolderDevice(folder: folder.spool), durability: .fast), lanes: lanes,
            time: time, events: events)
        let store = try LocalBlobStore(root: folder.blobs, lanes: lanes)
        let metrics = Metrics()
        let routes = Routes(
            settings: settings, secrets: secrets, ledger: ledger, uploads: uploads,
            delivery: Delivery(
                configuration: .init(keys: secrets.playback, openCORS: []), ledger: ledger, store: store,
                lanes: lanes, time: time),
            events: events,
            health: Health(
                roles: Set(Role.allCases), ledger: ledger, scanner: .disabled,
                store: StoreWatch(kind: "file", time: time), folder: folder, time: time),
            metrics: metrics, gate: RateGate(nil, time: time, metrics: metrics), time: time)
        let router = try routes.api()
        await ledger.close()
        return router
    }
}
