import { type ApiList, LIST_OPERATOR } from "./apiLists.ts";
import type { ApiRequest } from "./openApi.ts";

const PAGE = "first: 20";

/** The list in each of its orders. */
export function orderRequests({ name, orders }: ApiList): ApiRequest[] {
  return [undefined, ...orders].map((order) => {
    const orderBy = order ? `, orderBy: [${order}]` : "";
    return {
      title: `${name}(${order ?? "as it comes"})`,
      query: `{ list: ${name}(${PAGE}${orderBy}) { nodes { __typename } pageInfo { hasNextPage } } }`,
    };
  });
}

/** Its first row, with every field that it can be filtered by. */
export function sampleRequest({ name, filters }: ApiList): ApiRequest {
  const fields = filters.map(({ field }) => field).join(" ");
  return { title: name, query: `{ list: ${name}(first: 1) { nodes { __typename ${fields} } } }` };
}

/** The list filtered by each field and operator, with the values of a row that is there. */
export function filterRequests({ name, filters }: ApiList, sample: Record<string, unknown>): ApiRequest[] {
  return filters.flatMap(({ field, operators }) => {
    const value = sample[field];
    return value === null || value === undefined
      ? []
      : operators.map((operator) => ({
          title: `${name}(${field} ${operator})`,
          query: `query ($filter: ${filterType(sample)}) { list: ${name}(${PAGE}, filter: $filter) { nodes { __typename } } }`,
          variables: { filter: { [field]: { [operator]: operator === LIST_OPERATOR ? [value] : value } } },
        }));
  });
}

function filterType(sample: Record<string, unknown>): string {
  return `${String(sample.__typename)}Filter`;
}
