//! A tree of tasks: depth first or breadth first? See README.md beside this file.

use oneloop::{Result, gather};

async fn node(name: String, depth: usize) -> Result<()> {
    println!("{}{name} starts", "  ".repeat(depth));
    if depth < 2 {
        // Boxed, because a future that contains itself would have no size.
        gather([1, 2].map(|child| Box::pin(node(format!("{name}.{child}"), depth + 1)))).await?;
    }
    println!("{}{name} ends", "  ".repeat(depth));
    Ok(())
}

fn main() -> Result<()> {
    oneloop::run(node("1".to_owned(), 0))
}
