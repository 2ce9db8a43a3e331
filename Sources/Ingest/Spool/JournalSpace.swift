/// How much of the disk the journal of one upload can need beside its bytes.
///
/// A journal holds one extent for each gap between chunks, what was added since it was compacted, and one batch of records.
/// While it is compacted, the old and the new one are there.
enum JournalSpace {
    /// Reserved for every upload on its node. It counts in no tenant's quota.
    static let reserved: Int64 = 128 << 10

    /// What a journal of very many chunks needs beyond that.
    static func extra(chunks: Int64) -> Int64 { max(0, most(chunks: chunks) - reserved) }

    /// Every other chunk of an upload is missing: that is the longest list of extents.
    static func most(chunks: Int64) -> Int64 {
        let extents = (chunks + 1) / 2 * Int64(JournalRecord.headLength)
        return 2 * (extents + rest) + Int64(SpooledFile.journalGrowth) + batch
    }

    /// The head, the state of the hash, the seal and the end.
    private static let rest: Int64 = 512
    /// The few bytes that one commit may bring, their records, and those of other requests beside it.
    private static let batch: Int64 = Int64(DiskSpool.inlineLimit) + 8 << 10
}
