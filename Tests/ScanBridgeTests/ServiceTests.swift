import Foundation
import Platform
import ScanBridge
import Testing

/// How the service gets its scanner, keeps it and lets it go.
@Suite(.timeLimit(.minutes(5))) struct `The scan service` {
    @Test func `starting says what is loaded`() async throws {
        try await Bench.with { _, service in
            let info = try await service.start()
            #expect(info.isTest)
            #expect(info.signatures >= 1)
            #expect(info.level > 100)
            #expect(service.info == info)
            #expect(service.trouble == nil)
        }
    }

    @Test func `switched off it lets files through and says so`() async throws {
        let file = try FileDescriptor.reading("/dev/null")
        let verdict = try await ScanService.disabled.scan(file, size: 0)
        #expect(verdict == .clean(Evidence(engine: "off", database: "off")))
        #expect(ScanService.disabled.info == .off)
    }

    @Test func `a program that is missing or is no scanner is unavailable`() async throws {
        for program in ["/nonexistent/sluice-scan", "/bin/true", "/bin/cat"] {
            try await Bench.with({ $0.program = program }) { _, service in
                await #expect(throws: ScanFailure.self) { try await service.start() }
                await #expect(throws: ScanFailure.self) {
                    try await service.scan(FileDescriptor.reading("/bin/true"), size: 1)
                }
            }
        }
    }

    @Test func `a database that is missing, empty or broken is unavailable, and why is said`() async throws {
        try await Bench.with { bench, _ in
            let broken = bench.folder + "/broken.ndb"
            try Files.writeAtomically(Array("no signature at all\n".utf8), to: broken)
            let empty = bench.folder + "/empty"
            try Files.makeFolder(empty)
            for database in [bench.folder + "/missing", broken, empty] {
                var configuration = bench.configuration
                configuration.database = database
                configuration.scratch = bench.folder + "/other"
                let service = ScanService(configuration)
                do {
                    _ = try await service.start()
                    Issue.record("\(database) was loaded")
                } catch let failure as ScanFailure {
                    #expect(failure.kind == .unavailable)
                    #expect(failure.message.contains(database), "\(failure)")
                }
                await service.stop()
            }
        }
    }

    @Test func `signatures of a database are used beside the test one`() async throws {
        try await Bench.with { bench, _ in
            let database = bench.folder + "/database"
            try Files.makeFolder(database)
            // "sluice-says-hello"
            let row = "Our.Own.Signature:0:*:736c756963652d736179732d68656c6c6f\n"
            try Files.writeAtomically(Array(row.utf8), to: database + "/own.ndb")
            var configuration = bench.configuration
            configuration.database = database
            let service = ScanService(configuration)
            let info = try await service.start()
            #expect(info.database == "custom")
            #expect(info.signatures == 2)
            let verdict = try await bench.verdict(on: Sample.mp3 + Array("sluice-says-hello".utf8), service)
            #expect(verdict.signatures == ["Our.Own.Signature.UNOFFICIAL"])
            let other = try await bench.verdict(on: Sample.taggedMP3, service)
            #expect(other.name == "infected")
            await service.stop()
        }
    }

    @Test func `a database that leaves sound unread is overruled`() async throws {
        try await Bench.with { bench, _ in
            let database = bench.folder + "/types.ftm"
            let rows = "0:0:494433:MP3:CL_TYPE_ANY:CL_TYPE_IGNORED\n0:0:4f676753:Ogg:CL_TYPE_ANY:CL_TYPE_IGNORED\n"
            try Files.writeAtomically(Array(rows.utf8), to: database)
            var configuration = bench.configuration
            configuration.database = database
            let service = ScanService(configuration)
            _ = try await service.start()
            let verdict = try await bench.verdict(on: Sample.taggedMP3, service)
            #expect(verdict.name == "infected")

            // A type that is not overruled is not called clean either.
            let other = "0:0:53554c:Ours:CL_TYPE_ANY:CL_TYPE_IGNORED\n"
            try Files.writeAtomically(Array(other.utf8), to: database)
            await service.stop()
            _ = try await service.start()
            let unread = try await bench.verdict(on: Array("SUL".utf8) + Sample.noise(5000), service)
            #expect(unread.name == "unscannable", "\(unread)")
            await service.stop()
        }
    }

    @Test func `the sample signature file finds the test virus and counts as a test database`() async throws {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        try await Bench.with({ $0.database = root.appendingPathComponent("samples/signatures/eicar.ndb").path }) {
            bench, service in
            let info = try await service.start()
            #expect(info.isTest)
            let verdict = try await bench.verdict(on: Sample.taggedMP3, service)
            #expect(verdict.name == "infected")
        }
    }

    @Test func `the first folder with a database in it is found`() async throws {
        try await Bench.with { bench, _ in
            let empty = bench.folder + "/a"
            let full = bench.folder + "/b"
            for folder in [empty, full] { try Files.makeFolder(folder) }
            try Files.writeAtomically([1], to: empty + "/freshclam.dat")
            #expect(ScanConfiguration.findDatabase(in: ["/nonexistent", empty, full]) == nil)
            try Files.writeAtomically([1], to: full + "/daily.cvd")
            #expect(ScanConfiguration.findDatabase(in: ["/nonexistent", empty, full]) == full)
        }
    }

    @Test func `many scans at once each get their own verdict`() async throws {
        try await Bench.scanning({ $0.workers = 4 }) { bench, service in
            try await withThrowingTaskGroup(of: (Bool, String).self) { group in
                for number in 0..<24 {
                    group.addTask {
                        let isBad = number % 3 == 0
                        let bytes = isBad ? Sample.flac + Sample.eicar : Sample.flac
                        return (isBad, try await bench.verdict(on: bytes, service).name)
                    }
                }
                for try await (isBad, name) in group { #expect(name == (isBad ? "infected" : "clean")) }
            }
        }
    }

    @Test func `nothing is left in the scratch folder`() async throws {
        try await Bench.scanning { bench, service in
            for _ in 0..<3 { _ = try await bench.verdict(on: Sample.taggedMP3, service) }
            // One folder, of the one scanner; the children's are gone with them.
            let inside = try Files.list(bench.configuration.scratch)
            #expect(inside.count == 1)
            for name in inside {
                #expect(try Files.list(bench.configuration.scratch + "/" + name) == [])
            }
            await service.stop()
            #expect(try Files.list(bench.configuration.scratch) == [])
        }
    }

    @Test func `a scratch folder that cannot be made is a failure that may pass`() async throws {
        try await Bench.with { bench, _ in
            let blocked = bench.folder + "/file"
            try Files.writeAtomically([1], to: blocked)
            var configuration = bench.configuration
            configuration.scratch = blocked + "/scratch"
            let service = ScanService(configuration)
            let failure = await #expect(throws: ScanFailure.self) { try await service.start() }
            #expect(failure?.kind == .resources)
            #expect(failure?.isPassing == true)
        }
    }

    @Test func `after stopping nothing is scanned`() async throws {
        try await Bench.scanning { bench, service in
            await service.stop()
            let failure = await #expect(throws: ScanFailure.self) {
                try await bench.verdict(on: Sample.mp3, service)
            }
            #expect(failure?.isPassing == true)
            #expect(service.info == nil)
        }
    }
}
