//! Where values are, before and after they are moved: chapter 11. `tests/pin.rs` compiles and runs it.

// ANCHOR: moved
struct Machine([u8; 64]);

fn main() {
    let machine = Machine([7; 64]);
    let before = &raw const machine;
    let tasks = vec![machine]; // moved into the list: 64 bytes were copied there
    println!("moved: in the same place {}", before == &raw const tasks[0]);
    println!("it still says {}", tasks[0].0[0]);

    let pinned = Box::pin(Machine([7; 64]));
    let before: *const Machine = &*pinned;
    let tasks = vec![pinned]; // the pointer was copied there; what it points to stays
    println!("pinned and moved: in the same place {}", std::ptr::eq(before, &*tasks[0]));
}
// ANCHOR_END: moved
