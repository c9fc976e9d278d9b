//! What an invocation holds, counted by an allocator that counts.

use local::lifecycle::{Allocated, DEPLOYED, ENVIRONMENT_BYTES, Lifecycle, Memory};

/// The deployed bounds, the memory of an environment among them.
pub const AS_DEPLOYED: Lifecycle = Lifecycle {
    memory: Some(Memory {
        bytes: ENVIRONMENT_BYTES,
        measure,
        leave_out,
    }),
    ..DEPLOYED
};

/// The same with so much memory.
pub fn with_memory(bytes: u64) -> Lifecycle {
    let memory = AS_DEPLOYED.memory.map(|memory| Memory { bytes, ..memory });
    Lifecycle {
        memory,
        ..AS_DEPLOYED
    }
}

/// For every memory: what an invocation allocates is allocated by its thread.
fn measure(work: &mut dyn FnMut()) -> Allocated {
    let counted = allocation_counter::measure(work);
    Allocated {
        held: counted.bytes_current,
        most: counted.bytes_max,
    }
}

fn leave_out(work: &mut dyn FnMut()) {
    allocation_counter::opt_out(work);
}
