//! The only module with unsafe code: calls of the kernel that no safe interface has.

/// Makes `region` the memory of a machine.
///
/// The region must be memory of ours that is page-aligned, is neither moved nor freed before the machine and its processors
/// are dropped, and is not looked at by us while a processor runs. The one caller is the probe of [`crate::kvm`].
#[cfg(feature = "host")]
#[expect(unsafe_code, reason = "KVM takes an address of ours; the caller keeps that memory until the machine is gone")]
pub(crate) fn give_memory(
    vm: &kvm_ioctls::VmFd,
    region: kvm_bindings::kvm_userspace_memory_region,
) -> Result<(), kvm_ioctls::Error> {
    // SAFETY: the region is exactly the boxed pages of `Memory` in `kvm::probe_here`, which are page-aligned, are neither
    // moved nor freed before the machine and its processor are dropped, and are not looked at by us while it runs.
    unsafe { vm.set_user_memory_region(region) }
}

/// Adds `seed` to the kernel's random pool, believing every bit of it, and makes the key of its generator anew.
///
/// Machines that start from one snapshot have one generator, in one state. The kernel mixes what is written to
/// `/dev/urandom` into its pool, but takes a new key from there only once a minute: it must be told (random(4),
/// `RNDADDENTROPY` and `RNDRESEEDCRNG`).
///
/// # Errors
/// When the device cannot be opened, and without the right to do this (`CAP_SYS_ADMIN`).
#[cfg(feature = "guest")]
#[expect(unsafe_code, reason = "an ioctl's argument is what its number says, which the compiler cannot know")]
pub fn reseed(seed: &[u8; 64]) -> std::io::Result<()> {
    use std::os::fd::AsRawFd;

    /// `struct rand_pool_info` of linux/random.h, with its bytes.
    #[repr(C)]
    struct PoolInfo {
        bits: i32,
        bytes: i32,
        buffer: [u8; 64],
    }
    nix::ioctl_write_ptr!(add_entropy, b'R', 0x03, [i32; 2]);
    nix::ioctl_none!(reseed_generator, b'R', 0x07);

    let device = std::fs::File::options().write(true).open("/dev/urandom")?;
    let info = PoolInfo { bits: 64 * 8, bytes: 64, buffer: *seed };
    // SAFETY: the kernel reads two integers at the address and then as many bytes as the second says, which is what
    // `PoolInfo` holds; it is alive until the call returns, and nothing is written to it.
    unsafe { add_entropy(device.as_raw_fd(), (&raw const info).cast()) }?;
    // SAFETY: this call has no argument.
    unsafe { reseed_generator(device.as_raw_fd()) }?;
    Ok(())
}
