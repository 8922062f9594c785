-- Why lines of an import were refused (or not taken whole): each reason with the lines that have it. A line stands under
-- each of its reasons, once.
SELECT problem->>'code', problem->>'column', min(problem->>'message'), count(DISTINCT line.id)
FROM customers_importline AS line, jsonb_array_elements(line.problems) AS problem
WHERE line.run_id = %(run)s AND line.is_stored = %(is_stored)s
GROUP BY 1, 2
ORDER BY 4 DESC, 1, 2
LIMIT 20
