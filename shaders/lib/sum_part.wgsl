// Which replica's operands an invocation reads, and where its sums begin: with SPLIT the sums are in
// PARTS parts of CHUNK steps, which lie in z with the replicas.
//% if SPLIT
  let source = group.z / PARTS;
  let first = group.z % PARTS * CHUNK;
//% else
  let source = group.z;
  let first = 0u;
//% end
