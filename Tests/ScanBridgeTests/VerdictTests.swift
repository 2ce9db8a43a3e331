import Platform
import ScanBridge
import Testing

/// What the real scanner says about files, with the test signature alone.
@Suite(.timeLimit(.minutes(5))) struct Verdicts {
    @Test func `ordinary sound is clean, with evidence`() async throws {
        try await Bench.scanning { bench, service in
            for sound in Sample.sounds {
                let verdict = try await bench.verdict(on: sound.bytes, service)
                #expect(verdict.isClean, "\(sound.name): \(verdict)")
                #expect(verdict.evidence.witnesses == ["raw-search", "coverage", "deflated-canary"])
                #expect(verdict.evidence.database == "test")
                #expect(verdict.evidence.bytesScanned + 131_072 >= Int64(sound.bytes.count))
            }
        }
    }

    @Test func `the test virus is found wherever it lies`() async throws {
        try await Bench.scanning { bench, service in
            var files: [(String, [UInt8])] = [("alone", Sample.eicar), ("behind ID3 tags", Sample.taggedMP3)]
            for sound in Sample.sounds {
                let middle = sound.bytes.count / 2 + 1
                files.append(("inside \(sound.name)", sound.bytes[..<middle] + Sample.eicar + sound.bytes[middle...]))
                files.append(("at the end of \(sound.name)", sound.bytes + Sample.eicar))
            }
            for (name, bytes) in files {
                guard case .infected(let names, _) = try await bench.verdict(on: bytes, service) else {
                    Issue.record("not infected \(name)")
                    continue
                }
                #expect(names.contains { $0.contains("Eicar") })
            }
        }
    }

    @Test func `an archive hidden in sound is suspicious`() async throws {
        let hidden: [(String, [UInt8])] = [
            ("ZIP", Sample.encryptedZIP), ("gzip", Sample.gzip), ("7z", [0x37, 0x7a, 0xbc, 0xaf, 0x27, 0x1c, 0, 4]),
            ("RAR", Array("Rar!".utf8) + [0x1a, 7, 1, 0]), ("xz", [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0, 0, 4]),
            ("bzip2", Array("BZh91AY&SY".utf8)),
        ]
        try await Bench.scanning { bench, service in
            for (name, bytes) in hidden {
                let verdict = try await bench.verdict(on: Sample.flac + bytes + Sample.noise(1000), service)
                guard case .suspicious(let names, _) = verdict else {
                    Issue.record("\(name): \(verdict)")
                    continue
                }
                #expect(names.contains("Sluice.Embedded.\(name)"))
            }
        }
    }

    @Test func `a short magic that chance put there is no archive`() async throws {
        try await Bench.scanning { bench, service in
            var bytes = Sample.flac
            // An entry with a method that does not exist, and streams that break off, as noise has them.
            for flags: UInt8 in 0...255 {
                bytes += [0x50, 0x4b, 3, 4, 20, 0, flags, 0, 0x55, 0x55] + Sample.noise(200)
            }
            for seed in 1...200 { bytes += [0x1f, 0x8b, 8, 0] + Sample.noise(300, seed: UInt64(seed) &* 0x9e37_79b9) }
            let verdict = try await bench.verdict(on: bytes, service)
            #expect(verdict.isClean, "\(verdict)")
        }
    }

    @Test func `RAR and encrypted ZIP are suspicious from their first byte`() async throws {
        try await Bench.scanning { bench, service in
            for bytes in [Array("Rar!".utf8) + [0x1a, 7, 0] + Sample.noise(500), Sample.encryptedZIP] {
                let verdict = try await bench.verdict(on: bytes, service)
                #expect(verdict.name == "suspicious", "\(verdict)")
            }
        }
    }

    @Test func `an empty file and one of another size than said are unscannable`() async throws {
        try await Bench.scanning { bench, service in
            let empty = try await bench.verdict(on: [], service)
            #expect(empty.name == "unscannable")
            let file = try bench.file(Sample.mp3)
            for size in [Int64(Sample.mp3.count) - 1, Int64(Sample.mp3.count) + 1] {
                let verdict = try await service.scan(file, size: size)
                #expect(verdict.name == "unscannable", "\(verdict)")
            }
        }
    }

    @Test func `a file beyond the largest size is scanned in windows, across their borders`() async throws {
        try await Bench.scanning { bench, service in
            let file = try bench.file(Sample.flac)
            let size: Int64 = 600 << 20
            try file.truncate(to: size)
            let clean = try await service.scan(file, size: size)
            #expect(clean.isClean, "\(clean)")
            try file.write(Sample.eicar, at: (128 << 20) - 30)
            let infected = try await service.scan(file, size: size)
            #expect(infected.name == "infected", "\(infected)")
        }
    }

    @Test func `a large archive is unscannable, because it is not unpacked`() async throws {
        try await Bench.scanning { bench, service in
            let file = try bench.file([0x28, 0xb5, 0x2f, 0xfd])
            try file.truncate(to: 513 << 20)
            let verdict = try await service.scan(file, size: 513 << 20)
            #expect(verdict.name == "unscannable", "\(verdict)")
        }
    }
}
