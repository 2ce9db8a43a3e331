import App
import Core
import Platform
import Storage

/// `doctor`: each thing the service needs, what is wrong with it, and how to mend it.
enum DoctorCommand {
    private struct Finding {
        let name: String
        let isWell: Bool
        let said: String
        let remedy: String
    }

    static func run(_ arguments: [String]) async throws -> Int32 {
        let flags = try Flags(arguments, plain: ["--json"])
        let settings = try Home.settings()
        var findings = [await jail(settings), await scanner(settings)]
        findings += ["ffmpeg", "ffprobe"].map(program)
        findings += [
            await ledger(settings), await store(settings), await folder(settings), disk(settings), server(settings),
        ]
        if flags.has("--json") {
            let items = findings.map { one -> JSON in
                [
                    "name": .string(one.name), "ok": .bool(one.isWell), "said": .string(one.said),
                    "do": .string(one.isWell ? "" : one.remedy),
                ]
            }
            Terminal.out(JSON.array(items).text + "\n")
        } else {
            for one in findings {
                let pad = String(repeating: " ", count: max(1, 10 - one.name.count))
                Terminal.out(
                    "\(one.isWell ? "ok  " : "BAD ") \(one.name)\(pad)\(one.said)\(one.isWell ? "" : "\n     do: \(one.remedy)")\n"
                )
            }
        }
        return findings.allSatisfy(\.isWell) ? 0 : 1
    }

    private static func jail(_ settings: Settings) async -> Finding {
        guard settings.sandbox else {
            return Finding(name: "jail", isWell: false, said: "off", remedy: "unset SLUICE_SANDBOX")
        }
        do {
            let proof = try await Jail(launcher: try Jail.beside("sluice-jail")).prove(program: "/usr/bin/ffmpeg")
            return Finding(
                name: "jail", isWell: true,
                said: "Landlock \(proof.landlockVersion); stopped \(proof.stopped.joined(separator: ", "))", remedy: "")
        } catch {
            return Finding(
                name: "jail", isWell: false, said: "\(error)",
                remedy: "a kernel from 5.13 with Landlock; build with make build")
        }
    }

    private static func scanner(_ settings: Settings) async -> Finding {
        do {
            let file = try FileDescriptor.memory(named: "scan")
            var spec = ProcessSpec(
                program: try Jail.beside("sluice-scan"),
                arguments: ["--check"] + (settings.clamavDatabase.map { ["--database", $0] } ?? [])
                    + (settings.sandbox ? [] : ["--unsafe-no-sandbox"]))
            spec.output = .descriptor(file.raw)
            let child = try ChildProcess.spawn(spec)
            let end = await child.wait(deadline: .seconds(120))
            let text = String(decoding: try file.read(upTo: 4096, at: 0), as: UTF8.self).split(
                whereSeparator: \.isNewline
            ).joined(separator: ", ")
            let said =
                end == .exited(0) ? text : child.errorText.split(whereSeparator: \.isNewline).joined(separator: " ")
            return Finding(
                name: "scanner", isWell: end == .exited(0), said: said,
                remedy: "sudo apt install clamav-freshclam, and look at SLUICE_CLAMAV_DB")
        } catch {
            return Finding(name: "scanner", isWell: false, said: "\(error)", remedy: "make build")
        }
    }

    private static func program(_ name: String) -> Finding {
        let path = ["/usr/bin/", "/usr/local/bin/", "/bin/"].map { $0 + name }.first(where: Files.isExecutable)
        return Finding(
            name: name, isWell: path != nil, said: path ?? "not installed", remedy: "sudo apt install ffmpeg")
    }

    private static func ledger(_ settings: Settings) async -> Finding {
        let kind = settings.ledger == nil ? "SQLite" : "PostgreSQL"
        do {
            let steps = try await LedgerOpening(settings).plan()
            let said =
                switch steps.count {
                case 0: "its schema is this program's"
                case let count: "\(count) steps of its schema are run at the next start"
                }
            return Finding(name: "ledger", isWell: true, said: "\(kind), \(said)", remedy: "")
        } catch let failure as SettingsFailure {
            let why = failure.faults.map(\.why).joined(separator: " ")
            return Finding(name: "ledger", isWell: false, said: "\(kind): \(why)", remedy: "correct SLUICE_LEDGER")
        } catch {
            return Finding(
                name: "ledger", isWell: false, said: "\(kind): \(error)",
                remedy: "look at SLUICE_LEDGER and at what it names")
        }
    }

    /// What the service will do with it is tried, on an object of its own.
    private static func store(_ settings: Settings) async -> Finding {
        guard let name = settings.store else {
            return Finding(name: "store", isWell: true, said: "\(settings.data)/blobs", remedy: "")
        }
        do {
            guard let warning = try await StoreOpening(settings).check() else {
                return Finding(
                    name: "store", isWell: true, said: "\(name) lists, writes, reads and deletes", remedy: "")
            }
            return Finding(name: "store", isWell: false, said: warning, remedy: StoreOpening.clock)
        } catch let failure as BlobFailure {
            return Finding(name: "store", isWell: false, said: failure.message, remedy: StoreOpening.todo(failure))
        } catch let failure as SettingsFailure {
            return Finding(
                name: "store", isWell: false, said: failure.faults.map(\.why).joined(separator: " "),
                remedy: failure.faults.map(\.remedy).joined(separator: "; "))
        } catch {
            return Finding(name: "store", isWell: false, said: "\(error)", remedy: "look at SLUICE_STORE")
        }
    }

    /// What the service does in its folder is tried there.
    private static func folder(_ settings: Settings) async -> Finding {
        do {
            let trial = try DataFolderTrial(settings)
            try await trial.run()
            return Finding(
                name: "folder", isWell: true, said: "\(trial.path) takes files, links, locks and a ledger", remedy: "")
        } catch {
            return Finding(
                name: "folder", isWell: false, said: "\(error)",
                remedy: "set SLUICE_DATA to a folder that this user may write to, on a disk of this machine")
        }
    }

    private static func disk(_ settings: Settings) -> Finding {
        do {
            let path = try DataFolderTrial(settings).path
            guard let space = try Files.freeSpace(path) else {
                return Finding(name: "disk", isWell: true, said: "\(path) does not report its size", remedy: "")
            }
            let share = space.freeShare
            return Finding(
                name: "disk", isWell: share > 10, said: "\(space.free >> 30) GiB free, \(share) %",
                remedy: "free space: below 10 % no new upload begins")
        } catch {
            return Finding(name: "disk", isWell: false, said: "\(error)", remedy: "look at SLUICE_DATA")
        }
    }

    /// A service that does not run is no fault of the machine.
    private static func server(_ settings: Settings) -> Finding {
        let address = Server.address(settings.data)
        return Finding(name: "server", isWell: true, said: address.map { "http://\($0)" } ?? "not running", remedy: "")
    }
}
