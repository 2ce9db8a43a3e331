internal import Glibc
internal import Platform
internal import Synchronization

/// A PostgreSQL server of the tests' own: made in a temporary folder, on a port of its own, ended with this process. It
/// runs without fsync where it serves promises that no power cut is part of.
package final class PrivatePostgres: Sendable {
    private static let made = Mutex<Task<PrivatePostgres, any Error>?>(nil)

    /// One for all tests of a process; each takes a database of its own.
    package static func shared() async throws -> PrivatePostgres {
        let task = made.withLock { made in
            // Awaited below by everybody who asks.
            let task = made ?? Task { try await PrivatePostgres() }
            made = task
            return task
        }
        return try await task.value
    }

    package let port: Int
    private let folder: String
    private let binaries: String
    private let server = Mutex<ChildProcess?>(nil)
    private let count = Mutex(0)
    static let password = "pass/word of tests"

    package init(durable: Bool = false) async throws {
        binaries = try Self.findBinaries()
        folder = "/tmp/sluice-postgres-\(getpid())-\(UInt32.random(in: 0...(.max)))"
        port = try freePort()
        try removeLeftovers("sluice-postgres")
        try Files.makeFolder(folder, mode: 0o700)
        try Files.writeAtomically(Array(Self.password.utf8), to: folder + "/password", mode: 0o600)
        if getuid() == 0 { try await Tool.must("chown", ["-R", "postgres", folder]) }
        try await Tool.must(
            "setpriv",
            Self.asServerUser + [
                binaries + "/initdb", "-D", folder + "/data", "-U", "sluice", "-A", "scram-sha-256", "--pwfile",
                folder + "/password", "-E", "UTF8", "--locale", "C.UTF-8", "--no-sync",
            ])
        var settings = [
            "listen_addresses = '127.0.0.1'", "port = \(port)", "unix_socket_directories = '\(folder)'",
            "max_connections = 1000", "shared_buffers = '32MB'", "log_min_messages = fatal",
        ]
        if !durable { settings += ["fsync = off", "full_page_writes = off"] }
        let text = settings.joined(separator: "\n") + "\n"
        try Files.writeAtomically(Array(text.utf8), to: folder + "/data/postgresql.auto.conf", mode: 0o644)
        try await start()
    }

    /// Its address with a database that nobody else uses.
    package func database() async throws -> String {
        let name = "test\(count.withLock { count in count += 1; return count })"
        try await run("create database \(name)")
        return url(name)
    }

    package func url(_ database: String = "postgres", password: String = "pass%2Fword%20of%20tests") -> String {
        "postgres://sluice:\(password)@127.0.0.1:\(port)/\(database)"
    }

    /// What psql prints of it.
    @discardableResult
    package func run(_ sql: String, database: String? = nil) async throws -> String {
        try await Tool.must(
            binaries + "/psql", ["-X", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", database ?? url(), "-c", sql]
        ).text
    }

    package func start() async throws {
        var spec = ProcessSpec(
            program: try Tool.find("setpriv"),
            // The server does not outlive who started it: INT is its quick end, and what it would write back is nobody's.
            arguments: ["--pdeathsig", "INT"] + Self.asServerUser + [
                binaries + "/postgres", "-D", folder + "/data",
            ])
        spec.environment = Tool.environment
        let child = try ChildProcess.spawn(spec)
        server.withLock { $0 = child }
        let ready = try await Tool.run(
            "/bin/sh",
            [
                "-c",
                """
                for i in $(seq 2400); do "$0" -q -h 127.0.0.1 -p \(port) && exit 0; \
                kill -0 \(child.pid) 2>/dev/null || exit 1; sleep 0.05; done; exit 1
                """, binaries + "/pg_isready",
            ])
        guard ready.succeeded else { throw TestTrouble("PostgreSQL did not start: \(child.errorText)") }
    }

    /// As a power cut would end it, as far as a process can: no checkpoint, connections cut.
    package func kill() async {
        let child = server.withLock { $0 }
        signal(SIGQUIT)
        _ = await child?.wait(deadline: Tool.patience)
    }

    /// It and every process of its connections stand still, or go on.
    package func freeze() async throws { try await signalAll("STOP") }
    package func thaw() async throws { try await signalAll("CONT") }

    private func signalAll(_ name: String) async throws {
        guard let pid = server.withLock({ $0?.pid }) else { return }
        try await Tool.must("/bin/sh", ["-c", "kill -\(name) \(pid); pkill -\(name) -P \(pid); exit 0"])
    }

    private func signal(_ number: Int32) {
        if let pid = server.withLock({ $0?.pid }) { Glibc.kill(pid, number) }
    }

    /// PostgreSQL refuses to run as root.
    private static var asServerUser: [String] {
        getuid() == 0 ? ["--reuid", "postgres", "--regid", "postgres", "--clear-groups"] : []
    }

    private static func findBinaries() throws -> String {
        // The newest of those that Debian keeps side by side; no folder at all is no server.
        let versions = (try? Files.list("/usr/lib/postgresql")) ?? []
        for version in versions.compactMap({ Int($0) }).sorted(by: >) {
            let folder = "/usr/lib/postgresql/\(version)/bin"
            if Files.isExecutable(folder + "/initdb") { return folder }
        }
        throw TestTrouble("there is no PostgreSQL server; scripts/bootstrap test brings it")
    }
}
