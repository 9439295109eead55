//! Real machines under TCG with the real guest. The distribution they build for is the smallest that can be had: this
//! host's own rpm, bash and friends, packed into one package. They need QEMU, a kernel, rpm and rpmbuild.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says where it stands")]

mod builds;
mod distribution;
mod git;
mod other_jobs;
mod rounds;
mod snapshots;
