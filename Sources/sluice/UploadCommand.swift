import App
import Core
import HTTPClient
import Platform

/// `upload`: sends files by the chunk protocol, several chunks at once, and waits until each is ready.
enum UploadCommand {
    static func run(_ arguments: [String]) async throws -> Int32 {
        let flags = try Flags(
            arguments, valued: ["-j", "--url", "--key", "--sample"],
            plain: ["--no-wait", "--json", "--quiet", "--sample"])
        var files = flags.names
        if flags.has("--sample") { files.append(try await Sample.song()) }
        if let kind = flags.value("--sample") {
            guard kind == "infected" else {
                throw Complaint.usage("there is no sample \(kind)", "--sample, or --sample=infected")
            }
            files.append(try await Sample.infected())
        }
        guard !files.isEmpty else { throw Complaint.usage("no file is named", "sluice upload FILE...") }
        guard let lanes = Int(flags.value("-j") ?? "4"), (1...32).contains(lanes) else {
            throw Complaint.usage("-j takes a number from 1 to 32", "sluice upload -j 4 FILE...")
        }
        let server = try Server(flags)
        var failed: [String] = []
        for file in files {
            let progress = UploadProgress(
                name: file.split(separator: "/").last.map { String($0) } ?? file,
                isQuiet: flags.has("--quiet") || flags.has("--json"))
            let upload = FileUpload(
                path: file, server: server, lanes: lanes, progress: progress, waits: !flags.has("--no-wait"))
            do {
                let result = try await upload.run()
                if flags.has("--json") { Terminal.out(result.json.text + "\n") }
                if !flags.has("--json") { progress.end(result) }
                if let error = result.error, !flags.has("--json") || result.state == "failed" {
                    Terminal.error(
                        "sluice: \(progress.name) is \(result.state)\n  why: \(error.1)    more: docs/errors.md#\(error.0)\n"
                    )
                }
                if ["failed", "quarantined"].contains(result.state) { failed.append(file) }
            } catch let complaint as Complaint {
                progress.clear()
                complaint.show(asJSON: flags.has("--json"))
                failed.append(file)
            }
        }
        if files.count > 1, !failed.isEmpty {
            Terminal.error("\(failed.count) of \(files.count) failed: \(failed.joined(separator: ", "))\n")
        }
        return failed.isEmpty ? 0 : 1
    }
}

/// What became of one file.
struct UploadResult: Sendable {
    let id: String
    let track: TrackID
    let state: String
    let url: String?
    let error: (String, String)?
    let took: Duration
    let sinceLastByte: Duration

    var json: JSON {
        [
            "id": .string(id), "trackId": .string(track.text), "state": .string(state), "url": .optional(url),
            "error": error.map { ["code": .string($0.0), "message": .string($0.1)] } ?? .null,
        ]
    }
}
