import Foundation
import Platform
import ScanBridge
import TestSupport
import Testing

/// Whatever happens to the scanner, no file comes out clean that was not looked at.
@Suite(.serialized, .timeLimit(.minutes(5))) struct Trouble {
    @Test func `a deadline that is over is unscannable, and the child is gone`() async throws {
        try await Bench.scanning({ $0.deadline = .seconds(5) }) { bench, service in
            let file = try bench.file(Sample.flac)
            try file.truncate(to: 500 << 20)
            let shared = SharedDescriptor(file)
            async let scan = service.scan(descriptor: shared.raw, size: 500 << 20)
            try await eventually { try !bench.processes().children.isEmpty }
            // It stands still, so that the deadline can be long enough for the next file.
            for child in try bench.processes().children { try Signals.send(SIGSTOP, to: child) }
            let verdict = try await scan
            #expect(verdict.name == "unscannable", "\(verdict)")
            #expect(try bench.processes().children.isEmpty)
            let next = try await bench.verdict(on: Sample.eicar, service)
            #expect(next.name == "infected")
        }
    }

    @Test func `a killed scanner is a passing failure, and another one takes its place`() async throws {
        try await Bench.scanning { bench, service in
            let file = try bench.file(Sample.flac)
            try file.truncate(to: 500 << 20)
            let shared = SharedDescriptor(file)
            async let scan = service.scan(descriptor: shared.raw, size: 500 << 20)
            try await eventually { try !bench.processes().children.isEmpty }
            // Its child dies with it.
            let zygote = try #require(try bench.processes().scanner)
            try Signals.send(Signals.kill, to: zygote)
            do {
                let verdict = try await scan
                Issue.record("a verdict from a dead scanner: \(verdict)")
            } catch let failure as ScanFailure {
                #expect(failure.isPassing)
            }
            try await eventually { service.info != nil && service.trouble == nil }
            try await eventually { try bench.processes().children.isEmpty }
            #expect(try bench.processes().scanner != zygote)
            let verdict = try await bench.verdict(on: Sample.mp3, service)
            #expect(verdict.isClean)
        }
    }

    /// Kills the child of a scan as the out-of-memory killer does, as often as named; each time the file waits longer.
    private func scanKilled(times: Int) async throws -> Verdict {
        let time = ManualTime()
        return try await Bench.scanning(time: time) { bench, service in
            let size: Int64 = 128 << 20
            let file = try bench.file(Sample.flac)
            try file.truncate(to: size)
            let shared = SharedDescriptor(file)
            async let scan = service.scan(descriptor: shared.raw, size: size)
            let scanner = try bench.processes().scanner
            for wait in [Duration.seconds(2), .seconds(15), .zero].prefix(times) {
                try await eventually { try !bench.processes().children.isEmpty }
                for child in try bench.processes().children { try Signals.send(Signals.kill, to: child) }
                guard wait > .zero else { break }
                await time.sleeper(for: wait)
                time.advance(by: wait)
            }
            let verdict = try await scan
            #expect(try bench.processes().scanner == scanner)
            return verdict
        }
    }

    @Test func `a child that is killed twice condemns no file`() async throws {
        let verdict = try await scanKilled(times: 2)
        #expect(verdict.isClean, "\(verdict)")
    }

    @Test func `a child that is killed each time makes its file unscannable, and the scanner lives on`() async throws {
        let verdict = try await scanKilled(times: 3)
        #expect(verdict.name == "unscannable" && verdict.reason?.contains("signal 9") == true, "\(verdict)")
    }

    @Test func `a file that shrinks under the scan is never clean`() async throws {
        try await Bench.scanning { bench, service in
            let file = try bench.file(Sample.flac)
            try file.truncate(to: 200 << 20)
            let shared = SharedDescriptor(file)
            async let scan = service.scan(descriptor: shared.raw, size: 200 << 20)
            try await eventually { try !bench.processes().children.isEmpty }
            try shared.descriptor.truncate(to: 10)
            let verdict = try await scan
            #expect(!verdict.isClean, "\(verdict)")
        }
    }

    @Test func `a scratch folder that is taken away makes no file clean`() async throws {
        try await Bench.scanning { bench, service in
            try Files.removeTree(bench.configuration.scratch)
            try Files.writeAtomically([1], to: bench.configuration.scratch)
            do {
                let verdict = try await bench.verdict(on: Sample.mp3, service)
                #expect(!verdict.isClean, "\(verdict)")
            } catch let failure as ScanFailure {
                #expect(failure.isPassing)
                #expect(failure.kind == .resources)
            }
            try Files.remove(bench.configuration.scratch)
        }
    }

    @Test func `a child whose folder vanishes calls nothing clean`() async throws {
        try await Bench.scanning { bench, service in
            let file = try bench.file(Sample.flac)
            try file.truncate(to: 200 << 20)
            let shared = SharedDescriptor(file)
            async let scan = service.scan(descriptor: shared.raw, size: 200 << 20)
            try await eventually { try !bench.processes().children.isEmpty }
            let child = try #require(try bench.processes().children.first)
            let folder = "/proc/\(child)/cwd"
            // It goes there before it looks at the file.
            try await eventually { try Files.realPath(folder).hasPrefix(bench.configuration.scratch) }
            try Files.removeTree(Files.realPath(folder))
            let verdict = try await scan
            #expect(verdict.name == "unscannable", "\(verdict)")
        }
    }

    @Test func `a cancelled scan ends at once and leaves no process`() async throws {
        try await Bench.scanning { bench, service in
            let file = try bench.file(Sample.flac)
            try file.truncate(to: 500 << 20)
            let shared = SharedDescriptor(file)
            // Awaited below.
            let scan = Task { try await service.scan(descriptor: shared.raw, size: 500 << 20) }
            try await eventually { try !bench.processes().children.isEmpty }
            scan.cancel()
            let failure = await #expect(throws: ScanFailure.self) { try await scan.value }
            #expect(failure?.kind == .cancelled)
            try await eventually { try bench.processes().children.isEmpty }
        }
    }

    @Test func `stopping leaves no process, also with a scan under way`() async throws {
        try await Bench.scanning { bench, service in
            let file = try bench.file(Sample.flac)
            try file.truncate(to: 500 << 20)
            let shared = SharedDescriptor(file)
            async let scan = service.scan(descriptor: shared.raw, size: 500 << 20)
            try await eventually { try !bench.processes().children.isEmpty }
            await service.stop()
            do {
                let verdict = try await scan
                #expect(!verdict.isClean || verdict.evidence.witnesses.count == 3)
            } catch let failure as ScanFailure {
                #expect(failure.isPassing)
            }
            try await eventually {
                let (scanner, children) = try bench.processes()
                return scanner == nil && children.isEmpty
            }
        }
    }

    @Test func `a changed database is taken up, and a broken one leaves the old in use`() async throws {
        try await Bench.with { bench, _ in
            let database = bench.folder + "/database"
            try Files.makeFolder(database)
            try Files.writeAtomically(Array("Our.First:0:*:6f75722d6669727374\n".utf8), to: database + "/own.ndb")
            var configuration = bench.configuration
            configuration.database = database
            configuration.lookEvery = .milliseconds(10)
            let service = ScanService(configuration)
            #expect(try await service.start().signatures == 2)

            let second = "Our.First:0:*:6f75722d6669727374\nOur.Second:0:*:6f75722d7365636f6e64\n"
            try Files.writeAtomically(Array(second.utf8), to: database + "/own.ndb")
            try await eventually { service.info?.signatures == 3 }
            let verdict = try await bench.verdict(on: Sample.mp3 + Array("our-second".utf8), service)
            #expect(verdict.name == "infected")

            try Files.writeAtomically(Array("broken\n".utf8), to: database + "/own.ndb")
            try await eventually { service.trouble != nil }
            #expect(service.info?.signatures == 3)
            let still = try await bench.verdict(on: Sample.mp3 + Array("our-second".utf8), service)
            #expect(still.name == "infected")
            await service.stop()
        }
    }
}
