//! Leaving an asynchronous iteration half-way. See README.md beside this file.

use oneloop::{Result, yield_now};

struct Numbers {
    number: u32,
}

impl Numbers {
    async fn next(&mut self) -> Result<Option<u32>> {
        self.number += 1;
        yield_now().await?;
        Ok(Some(self.number))
    }

    async fn aclose(self) -> Result<()> {
        yield_now().await?;
        println!("the generator cleans up");
        Ok(())
    }
}

async fn run() -> Result<()> {
    let mut generator = Numbers { number: 0 };
    while let Some(number) = generator.next().await? {
        println!("{number}");
        if number == 3 {
            break;
        }
    }
    println!("after the break");
    generator.aclose().await?;
    println!("closed");
    Ok(())
}

fn main() -> Result<()> {
    oneloop::run(run())
}
