/** What one request, one caller and one tenant may ask for. Points are the unit of estimateCost. */
export interface LimitsConfig {
  document: DocumentLimits;
  page: PageLimits;
  /** Points one operation may cost. */
  maximumCost: number;
  rate: RateLimits;
}

export interface DocumentLimits {
  tokens: number;
  /** Levels of selection; `nodes`, `edges` and `node` are not counted. */
  depth: number;
  aliases: number;
  directives: number;
}

export interface PageLimits {
  /** Rows of a list without `first` and `last`. */
  defaultSize: number;
  maximumSize: number;
  maximumOffset: number;
}

/** Points a minute; 0 means without a limit. */
export interface RateLimits {
  user: number;
  organization: number;
  /** For requests without a token, which have neither user nor organization. */
  address: number;
}

type ReadInteger = (name: string, fallback: number, minimum: number, maximum: number) => number;

const MOST = 1_000_000_000;

/** Reads the limits; the defaults of documents are those of GraphQL Armor. */
export function parseLimits(integer: ReadInteger): LimitsConfig {
  return {
    document: {
      tokens: integer("MAX_QUERY_TOKENS", 1000, 1, 100_000),
      depth: integer("MAX_QUERY_DEPTH", 6, 1, 100),
      aliases: integer("MAX_QUERY_ALIASES", 15, 0, 10_000),
      directives: integer("MAX_QUERY_DIRECTIVES", 50, 0, 10_000),
    },
    page: {
      defaultSize: integer("DEFAULT_PAGE_SIZE", 50, 1, 10_000),
      maximumSize: integer("MAX_PAGE_SIZE", 500, 1, 10_000),
      maximumOffset: integer("MAX_PAGE_OFFSET", 10_000, 0, MOST),
    },
    maximumCost: integer("MAX_QUERY_COST", 10_000, 1, MOST),
    rate: {
      user: integer("RATE_LIMIT_USER", 200_000, 0, MOST),
      organization: integer("RATE_LIMIT_ORGANIZATION", 2_000_000, 0, MOST),
      address: integer("RATE_LIMIT_ADDRESS", 20_000, 0, MOST),
    },
  };
}
