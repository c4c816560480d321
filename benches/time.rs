//! Times every operation: `cargo bench --manifest-path benches/Cargo.toml [-- PART-OF-A-NAME]`.

use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};

fn time(criterion: &mut Criterion) {
    for mut operation in operations::operations() {
        criterion.bench_function(&operation.name, |bencher| bencher.iter(&mut operation.run));
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_secs(1))
        .nresamples(10_000);
    targets = time
}
criterion_main!(benches);
