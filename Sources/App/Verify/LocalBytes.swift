import Core
import Ingest
import Ledger
import Platform

/// Compares the ledger with the spool and the quarantine of one data folder, beside a server that may run: each finding
/// is checked again before it counts. Files of other nodes lie elsewhere and are not judged.
struct LocalBytes: Sendable {
    private static let page = 500

    let ledger: any LedgerStore
    let folder: DataFolder
    let node: NodeID
    private let spool: SpoolReader

    /// Nil where no server ever made the folder its own: it has no node, and no bytes.
    init?(ledger: any LedgerStore, data: String) throws {
        folder = try DataFolder(data)
        guard let node = try folder.existingNodeID() else { return nil }
        self.ledger = ledger
        self.node = node
        spool = SpoolReader(folder: folder.spool)
    }

    // MARK: What is missing

    /// Uploads and held files that the ledger counts on and whose bytes are not here.
    func missing() async throws -> [Verify.Finding] {
        var findings: [Verify.Finding] = []
        for state in [UploadState.receiving, .verifying, .scanning, .processing, .stored] {
            var after: UploadID?
            while true {
                let last = after
                let rows = try await ledger.read("verify.uploads") { tx in
                    try tx.uploads.list(state: state, node: node, after: last, limit: Self.page)
                        .map { ($0, try Self.isNeeded($0, tx)) }
                }
                for (row, isNeeded) in rows where isNeeded {
                    // Looked at twice: between, a running server may have moved the bytes on.
                    guard try await isMissing(row), try await isStillNeeded(row), try await isMissing(row) else {
                        continue
                    }
                    findings.append(
                        Verify.Finding(
                            .missing, "spool/\(row.id)",
                            "The upload of track \(row.trackID) is \(row.state.rawValue), and its bytes are not here."))
                }
                guard rows.count == Self.page else { break }
                after = rows.last?.0.id
            }
        }
        return try await findings + missingHeld()
    }

    private func isMissing(_ row: UploadRow) async throws -> Bool {
        if try spool.isWhole(row.id, isComplete: row.state != .receiving) { return false }
        if folder.hasHeld(row.id) { return false }
        return try await ledger.read("verify.small") { tx in try tx.smallFiles.find(row.id) == nil }
    }

    private func isStillNeeded(_ row: UploadRow) async throws -> Bool {
        try await ledger.read("verify.upload") { tx in
            guard let now = try tx.uploads.find(row.id), now.state == row.state else { return false }
            return try Self.isNeeded(now, tx)
        }
    }

    private func missingHeld() async throws -> [Verify.Finding] {
        var findings: [Verify.Finding] = []
        var position = Position.start
        while true {
            let at = position
            let page = try await ledger.read("verify.held") { tx in
                let page = try tx.quarantine.list(tenant: nil, state: .held, from: at, limit: Self.page)
                let mine = try page.rows.filter { try self.isHere($0, tx) }
                return (rows: mine, next: page.next)
            }
            for row in page.rows {
                guard let upload = row.uploadID, !folder.hasHeld(upload) else { continue }
                let now = try await ledger.read("verify.holding") { tx in try tx.quarantine.find(row.id) }
                guard now?.state == .held, !folder.hasHeld(upload) else { continue }
                findings.append(
                    Verify.Finding(
                        .missing, "quarantine/\(upload)", "The held file \(row.id) of track \(row.trackID) is not here."
                    ))
            }
            guard let next = page.next else { return findings }
            position = .after(next)
        }
    }

    private func isHere(_ row: QuarantineRow, _ tx: Transaction) throws -> Bool {
        try row.uploadID.flatMap { try tx.uploads.find($0) }?.node == node
    }

    // MARK: What nothing needs

    /// Files of spool and quarantine that no row needs. `pause` lets a running server end what it was in the middle of; then
    /// each is looked at again.
    func strays(pause: () async throws -> Void) async throws -> [Verify.Finding] {
        let contents = try spool.contents()
        let held = try folder.heldNames()
        var strays: [Verify.Finding] = []
        for one in contents.uploads where try await !isNeededInSpool(one.upload) {
            strays.append(
                Verify.Finding(.orphan, "spool/\(one.upload)", "No upload in the ledger needs it.", size: one.size))
        }
        for name in held {
            guard let upload = UploadID(name), try await !isNeededInQuarantine(upload) else { continue }
            strays.append(
                Verify.Finding(
                    .orphan, "quarantine/\(name)", "No held file in the ledger needs it.",
                    size: try folder.heldSize(upload)))
        }
        if !strays.isEmpty {
            try await pause()
            var still: [Verify.Finding] = []
            for one in strays where try await isStillStray(one.subject) { still.append(one) }
            strays = still
        }
        let foreign = contents.foreign.map { ("spool/\($0.name)", $0.size) }
        let alien = held.filter { UploadID($0) == nil }.map { ("quarantine/\($0)", Int64(0)) }
        return strays
            + (foreign + alien).map {
                Verify.Finding(.foreign, $0.0, "It is no name of ours, and is left alone.", size: $0.1)
            }
    }

    /// Removes those that still nothing needs; their subjects.
    func remove(_ subjects: [String]) async throws -> Set<String> {
        let spool = DiskSpool(device: try FolderDevice(folder: folder.spool), durability: .full)
        var gone: Set<String> = []
        for subject in subjects where try await isStillStray(subject) {
            guard let (place, upload) = Self.parse(subject) else { continue }
            if place == "spool" { try spool.remove(upload) } else { try folder.dropHeld(upload) }
            gone.insert(subject)
        }
        return gone
    }

    /// Whether the ledger knows this node. One that does not is probably another's: by it everything here is a stray.
    func isKnown() async throws -> Bool {
        try await ledger.read("verify.node") { tx in
            if try tx.nodes.list().contains(where: { $0.id == node }) { return true }
            return try UploadState.allCases.contains {
                try !tx.uploads.list(state: $0, node: node, limit: 1).isEmpty
            }
        }
    }

    static func isLocal(_ subject: String) -> Bool { parse(subject) != nil }

    private static func parse(_ subject: String) -> (place: Substring, upload: UploadID)? {
        let parts = subject.split(separator: "/")
        guard parts.count == 2, ["spool", "quarantine"].contains(parts[0]), let upload = UploadID(parts[1]) else {
            return nil
        }
        return (parts[0], upload)
    }

    private func isStillStray(_ subject: String) async throws -> Bool {
        guard let (place, upload) = Self.parse(subject) else { return false }
        if place == "spool" {
            guard spool.has(upload) else { return false }
            return try await !isNeededInSpool(upload)
        }
        guard folder.hasHeld(upload) else { return false }
        return try await !isNeededInQuarantine(upload)
    }

    /// What a request is sending in one piece has no row yet: only its space is reserved.
    private func isNeededInSpool(_ upload: UploadID) async throws -> Bool {
        try await ledger.read("verify.spooled") { tx in
            guard let row = try tx.uploads.find(upload) else { return try tx.reservations.has(upload.text) }
            return try Self.isNeeded(row, tx)
        }
    }

    private func isNeededInQuarantine(_ upload: UploadID) async throws -> Bool {
        try await ledger.read("verify.kept") { tx in
            guard let row = try tx.uploads.find(upload) else { return false }
            let held = try tx.quarantine.of(row.trackID).filter { $0.uploadID == upload }
            if try held.contains(where: { try $0.state == .held || tx.jobs.live(HeldWork.key($0.id)) != nil }) {
                return true
            }
            // Its job died through a fault of ours, and may be retried.
            if let track = try tx.tracks.find(row.trackID), track.uploadID == upload, track.state == .failed,
                track.errorCode == .internal, held.contains(where: { $0.state != .deleted })
            {
                return true
            }
            // Its job moves it here before the ledger says so.
            return try row.state != .quarantined && Self.isNeeded(row, tx)
        }
    }

    private static func isNeeded(_ row: UploadRow, _ tx: Transaction) throws -> Bool {
        let track = try tx.tracks.find(row.trackID)
        if !UploadService.needsNoBytes(row, track) { return true }
        // Its job removes them.
        return try track?.state == .deleted && tx.jobs.live(Tracks.removalKey(row.trackID, row.node)) != nil
    }
}
