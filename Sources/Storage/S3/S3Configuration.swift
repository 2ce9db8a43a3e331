/// Which bucket, and how it is spoken to. What is nil is found out.
package struct S3Configuration: Sendable {
    /// Where the bucket's name stands: in the path of every URL, or before the host's.
    package enum Style: String, Sendable { case path, virtual }

    package struct Deadlines: Sendable {
        package var connect: Duration
        /// From the last byte of a request to the head of its answer; completing and copying may take three times as long.
        package var firstByte: Duration
        /// Without a byte in either direction.
        package var stall: Duration
        /// One small operation, all its tries together. Bodies get the time of their bytes in addition.
        package var whole: Duration

        package init(
            connect: Duration = .seconds(5), firstByte: Duration = .seconds(30), stall: Duration = .seconds(20),
            whole: Duration = .seconds(180)
        ) {
            self.connect = connect
            self.firstByte = firstByte
            self.stall = stall
            self.whole = whole
        }
    }

    package var bucket: String
    /// Before every key, without a slash at its ends; empty for none.
    package var prefix: String
    /// `https://host[:port]`; nil is AWS's own.
    package var endpoint: String?
    /// Nil: learnt from the store's first answer.
    package var region: String?
    /// Nil: virtual for AWS's own endpoint and a bucket whose name is a host's, else path.
    package var style: Style?
    /// A file of certificates in PEM form, in place of the system's.
    package var certificates: String?
    package var deadlines: Deadlines
    /// Where a part's size starts; it grows where a file would need more than 10,000 of them.
    package var partSize: Int64
    /// Parts of one object on their way at once.
    package var partsPerObject: Int
    /// Requests with a body on their way at once, all objects together.
    package var transfers: Int
    package var retries: S3RetryPolicy

    package init(
        bucket: String, prefix: String = "", endpoint: String? = nil, region: String? = nil, style: Style? = nil,
        certificates: String? = nil, deadlines: Deadlines = Deadlines(), partSize: Int64 = 8 << 20,
        partsPerObject: Int = 4, transfers: Int = 32, retries: S3RetryPolicy = S3RetryPolicy()
    ) {
        self.bucket = bucket
        self.prefix = prefix
        self.endpoint = endpoint
        self.region = region
        self.style = style
        self.certificates = certificates
        self.deadlines = deadlines
        self.partSize = max(5 << 20, partSize)
        self.partsPerObject = max(1, partsPerObject)
        self.transfers = max(1, transfers)
        self.retries = retries
    }
}

package struct S3RetryPolicy: Sendable {
    package var tries: Int
    /// Full jitter: anything from nothing to `first`, doubled with each try up to `cap`.
    package var first: Duration
    package var cap: Duration

    package init(tries: Int = 7, first: Duration = .milliseconds(250), cap: Duration = .seconds(20)) {
        self.tries = max(1, tries)
        self.first = first
        self.cap = cap
    }
}
