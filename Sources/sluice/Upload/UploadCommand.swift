import App
import Core
import Glibc
import HTTPClient
import Platform

/// `upload`: sends files by the chunk protocol, several chunks and several files at once, goes on with what an earlier run
/// left, and waits until each is ready.
enum UploadCommand {
    /// Files that are sent, or waited for, at once.
    private static let filesAtOnce = 8

    static func run(_ arguments: [String]) async throws -> Int32 {
        let flags = try Flags(
            arguments, valued: ["-j", "--url", "--key", "--sample"],
            plain: ["--no-wait", "--json", "--quiet", "--sample"])
        let files = try await files(flags)
        guard !files.paths.isEmpty else { throw Complaint.usage("no file is named", "sluice upload FILE...") }
        guard let lanes = Int(flags.value("-j") ?? "4"), (1...32).contains(lanes) else {
            throw Complaint.usage("-j takes a number from 1 to 32", "sluice upload -j 4 FILE...")
        }
        let isJSON = flags.has("--json")
        let server = try Server(flags)
        let board = ProgressBoard(
            names: files.paths.map { $0.split(separator: "/").last.map(String.init) ?? $0 },
            isQuiet: flags.has("--quiet") || isJSON)
        try watchSignals(board, arguments)
        if files.passedOver > 0, !flags.has("--quiet"), !isJSON {
            let what = files.passedOver == 1 ? "1 file is" : "\(files.passedOver) files are"
            Terminal.error("\(what) passed over: no audio by name\n")
        }
        let (places, lane) = (Places(lanes), try Lane(name: "files"))
        let uploads = files.paths.enumerated().map { number, path in
            FileUpload(
                number: number, path: path, server: server, board: board, places: places, lane: lane,
                waits: !flags.has("--no-wait"))
        }
        let failed = await withTaskGroup(of: String?.self) { group in
            // Cancelled below, once the last file has ended.
            let drawing = Task { await board.run() }
            defer { drawing.cancel() }
            var (next, failed) = (0, [String]())
            while next < min(uploads.count, max(lanes, filesAtOnce)) {
                add(uploads[next], isJSON, to: &group)
                next += 1
            }
            for await name in group {
                if let name { failed.append(name) }
                if next < uploads.count {
                    add(uploads[next], isJSON, to: &group)
                    next += 1
                }
            }
            return failed
        }
        if uploads.count > 1, !failed.isEmpty {
            Terminal.error("\(failed.count) of \(uploads.count) failed: \(failed.joined(separator: ", "))\n")
        }
        return failed.isEmpty ? 0 : 1
    }

    private static func files(_ flags: Flags) async throws -> UploadFiles {
        var names = flags.names
        if flags.has("--sample") { names.append(try await Sample.song()) }
        if let kind = flags.value("--sample") {
            guard kind == "infected" else {
                throw Complaint.usage("there is no sample \(kind)", "--sample, or --sample=infected")
            }
            names.append(try await Sample.infected())
        }
        return try UploadFiles(names)
    }

    private static func add(_ upload: FileUpload, _ isJSON: Bool, to group: inout TaskGroup<String?>) {
        group.addTask {
            let board = upload.board
            do {
                let result = try await upload.run()
                board.end(
                    upload.number, error: result.lines(isJSON: isJSON, isQuiet: board.isQuiet),
                    out: isJSON ? result.json.text + "\n" : result.url.map { $0 + "\n" })
                return result.isFailed ? upload.path : nil
            } catch let complaint as Complaint {
                board.end(
                    upload.number, error: complaint.text,
                    out: isJSON ? complaint.json(of: upload.path).text + "\n" : nil)
            } catch {
                board.end(upload.number, error: "sluice: cannot send \(upload.name)\n  why: \(error)\n", out: nil)
            }
            return upload.path
        }
    }

    // MARK: Signals

    /// Before there is another thread: the signals are then for `watchSignals`.
    static func blockSignals() { Signals.block([Signals.interrupt, Signals.terminate, Signals.user1]) }

    /// An interrupted upload stays on the server: the same line goes on with it.
    private static func watchSignals(_ board: ProgressBoard, _ arguments: [String]) throws {
        try Signals.watch([Signals.interrupt, Signals.terminate, Signals.user1]) { signal in
            guard signal != Signals.user1 else { return board.report() }
            var text = ""
            for (name, sent, size) in board.stop() where size > 0 {
                let share = Int(min(0.99, Double(sent) / Double(size)) * 100)
                text += "\(name)  stopped at \(share) %, \(ProgressLine.amount(sent, of: size)) sent\n"
            }
            let line = [CommandLine.arguments[0], "upload"] + arguments
            Terminal.error(text + "go on: \(line.map(quoted).joined(separator: " "))\n")
            exit(signal == Signals.interrupt ? 130 : 143)
        }
    }

    /// As a shell reads it back.
    private static func quoted(_ word: String) -> String {
        let isPlain = !word.isEmpty && word.allSatisfy { $0.isLetter || $0.isNumber || "-_./=:,@+%".contains($0) }
        return isPlain
            ? word : "'" + word.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "'\\''") + "'"
    }
}
