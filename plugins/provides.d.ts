/** Marks by which plugins say in what order their behaviors apply. */
declare namespace GraphileConfig {
  interface Provides {
    /** PostGraphile's own, missing from its types: after privileges and indexes were looked at. */
    postInferred: true;
    rowIdentifiers: true;
    affordableAggregates: true;
  }
}
