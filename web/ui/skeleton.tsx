/** Rows of the final size while a list is on its way. */
export function ListSkeleton() {
  return (
    <div class="skeleton" aria-hidden="true">
      {[58, 40, 66, 48].map((width) => (
        <div class="skeleton-row" key={width}>
          <span class="bone round big" />
          <span class="bones">
            <span class="bone" style={{ inlineSize: `${width}%` }} />
            <span class="bone" style={{ inlineSize: "82%" }} />
          </span>
        </div>
      ))}
    </div>
  );
}
